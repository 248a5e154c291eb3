"""Renders every template of internal/chat/testdata/templates over the twelve
conversations below with Jinja2 3.1.6, configured as transformers configures
it, and writes internal/chat/testdata/renders.jsonl.gz: one object a render
with its template, its input and the text, or null where Jinja2 fails.

    pip install jinja2==3.1.6
    python tools/golden/chat.py
"""
import datetime
import gzip
import json
import pathlib

import jinja2
import jinja2.ext
from jinja2.sandbox import ImmutableSandboxedEnvironment

HERE = pathlib.Path(__file__).resolve().parents[2] / "internal/chat/testdata"
CLOCK = datetime.datetime(2024, 7, 26, 9, 5, 3)


class AssistantTracker(jinja2.ext.Extension):
    """The generation tag: its body is rendered as a caller's."""

    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.CallBlock(self.call_method("_support"), [], [], body).set_lineno(line)

    def _support(self, caller):
        return caller()


def environment():
    env = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[AssistantTracker, jinja2.ext.loopcontrols]
    )

    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(x, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    env.filters["tojson"] = tojson
    env.globals["raise_exception"] = raise_exception
    env.globals["strftime_now"] = CLOCK.strftime
    return env


def turn(role, content, **more):
    return {"role": role, "content": content, **more}


TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Weather of a city, in °C & <other> units",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"type": "string", "description": " the city "},
                    "unit": {"type": "string", "enum": ["c", "f"], "default": "c", "description": "unit"},
                    "days": {"type": "array", "items": {"type": "integer"}, "description": "which days"},
                    "where": {
                        "type": "object",
                        "description": "place",
                        "properties": {"lat": {"type": "number"}, "ok": {"type": ["boolean", "null"]}},
                        "required": ["lat"],
                    },
                },
                "required": ["city"],
            },
            "return": {"type": "number"},
        },
    },
    {"type": "function", "function": {"name": "now", "description": "time", "parameters": {"type": "object", "properties": {}}}},
]
CALL = {"id": "abcd12345", "type": "function", "function": {"name": "get_weather", "arguments": {"city": "Zürich", "days": [1, 2]}}}

CONVERSATIONS = [
    {"messages": [turn("user", "Hello, who are you?")], "add_generation_prompt": True},
    {"messages": [turn("user", "Hi"), turn("assistant", "Hello!")]},
    {"messages": [turn("system", "Be brief."), turn("user", "Name a fruit.")], "add_generation_prompt": True},
    {
        "messages": [turn("system", "Be brief."), turn("user", "One?"), turn("assistant", "1"), turn("user", "Two?")],
        "add_generation_prompt": True,
    },
    {
        "messages": [
            turn("system", "\u3000 sys \n"),
            turn("user", " \u00a0\x1c\n  indented\r\n\ttext \x85\u2003 "),
            turn("assistant", "\n\n trailing \u00a0"),
        ],
    },
    {"messages": [turn("user", "a"), turn("system", "mid"), turn("assistant", "b"), turn("system", "end")], "add_generation_prompt": True},
    {"messages": [turn("user", "first"), turn("user", "second"), turn("assistant", "x"), turn("assistant", "y")]},
    {
        "messages": [
            turn("system", "Use tools."),
            turn("user", "Weather in Zürich?"),
            turn("assistant", None, tool_calls=[CALL]),
            turn("tool", '{"temp": 21.5}', name="get_weather", tool_call_id="abcd12345"),
            turn("assistant", "It is 21.5 °C."),
            turn("user", "Thanks"),
        ],
        "tools": TOOLS,
        "add_generation_prompt": True,
    },
    {
        "messages": [
            turn("user", [{"type": "image"}, {"type": "text", "text": " What is this? "}]),
            turn("assistant", [{"type": "text", "text": "A cat."}]),
            turn("user", "Sure?"),
        ],
        "add_generation_prompt": True,
    },
    {
        "messages": [
            turn("user", "Think: 2+2"),
            turn("assistant", "<think>\nlet me see\n</think>\n\n4"),
            turn("user", "and 3+3 /no_think"),
            turn("assistant", "6", reasoning_content="\neasy\n"),
        ],
        "extra": {"enable_thinking": False},
    },
    {"messages": [], "add_generation_prompt": True},
    {
        "messages": [
            turn("user", "Quotes \"double\" 'single' <b>&amp;</b> {{ braces }} {% tag %} \\n 😀é\u0301 Ω"),
            turn("assistant", "ΑΣ ßtraße ﬁne 你好\nİi\tend"),
            turn("user", "<|im_end|></s>[INST] 100% </think>"),
            turn("assistant", ""),
            turn("user", "HELLO world, it's 5 o'clock"),
        ],
        "documents": [{"title": "T1", "text": "Doc one"}, {"title": "T2", "text": "Doc <two>"}],
        "tools": TOOLS[1:],
        "extra": {"date_string": "1 Jan 2025", "reasoning_effort": "high", "controls": {"length": "long"}},
        "add_generation_prompt": True,
    },
]


def main():
    env = environment()
    names = sorted(p.stem for p in (HERE / "templates").glob("*.jinja"))
    failed = 0
    lines = [json.dumps({"conversations": CONVERSATIONS, "clock": CLOCK.isoformat() + "Z", "jinja2": jinja2.__version__}, ensure_ascii=False)]
    for name in names:
        source = (HERE / "templates" / (name + ".jinja")).read_bytes().decode()
        texts = []
        for c in CONVERSATIONS:
            vars = {"messages": c["messages"], "tools": c.get("tools"), "documents": c.get("documents")}
            vars["add_generation_prompt"] = c.get("add_generation_prompt", False)
            try:
                text = env.from_string(source).render(**vars, bos_token="<s>", eos_token="</s>", **c.get("extra", {}))
            except Exception as e:
                failed += 1
                text = None
                print(f"{name}[{len(texts)}]: {type(e).__name__}: {str(e)[:90]}")
            texts.append(text)
        lines.append(json.dumps({"template": name, "texts": texts}, ensure_ascii=False))
    with open(HERE / "renders.jsonl.gz", "wb") as f, gzip.GzipFile(fileobj=f, mode="wb", mtime=0, filename="") as z:
        z.write("\n".join(lines).encode())
    print(f"{len(names)} templates, {len(names) * len(CONVERSATIONS)} renders, {failed} fail")


if __name__ == "__main__":
    main()
