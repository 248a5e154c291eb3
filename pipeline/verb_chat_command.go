package pipeline

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"radpo/internal/chat"
)

// chatHelp lists the commands of a talk.
const chatHelp = `/goal 7           answers shall reach this score; one an attribute: /goal 8,9
/goal honesty=9   changes one attribute; /goal off asks for none
/system TEXT      what stands in front of the conversation; nothing: nothing
/temperature 0.7  0 is greedy
/seed 3           of the draws
/regen            another answer to the last turn
/reset            forgets the conversation
/quit             or Ctrl-D; Ctrl-C stops an answer
A line that begins with a blank is never a command.`

// command does what a line that begins with a slash says.
func (t *talk) command(ctx context.Context, line string) (end bool, err error) {
	name, rest, _ := strings.Cut(line, " ")
	rest = strings.TrimSpace(rest)
	switch name {
	case "/quit", "/exit":
		return true, nil
	case "/help":
		t.note("%s", chatHelp)
	case "/goal":
		err = t.setGoal(rest)
	case "/system":
		t.System = rest
	case "/temperature":
		err = t.setTemperature(rest)
	case "/seed":
		var v int64
		if v, err = strconv.ParseInt(rest, 10, 64); err == nil {
			t.Seed = v
		} else {
			err = fmt.Errorf("seed %s: want a whole number", rest)
		}
	case "/reset":
		t.turns = nil
	case "/regen":
		return false, t.regenerate(ctx)
	default:
		err = fmt.Errorf("there is no command %s: /help lists them", name)
	}
	switch {
	case err != nil:
		t.note("%v", err)
	case name != "/help":
		t.note("(%s)", t.state())
	}
	return false, nil
}

func (t *talk) setTemperature(text string) error {
	v, err := strconv.ParseFloat(text, 64)
	if err != nil || !(v >= 0 && v <= 100) {
		return fmt.Errorf("temperature %s: want 0 to 100", text)
	}
	t.Temperature = v
	return nil
}

// setGoal takes a goal whole, or changes the attributes that are named.
func (t *talk) setGoal(text string) error {
	switch {
	case text == "":
		return nil
	case text == "off":
		t.goal = nil
		return nil
	case strings.Contains(text, "=") && len(t.goal) > 0:
		text = t.completed(text)
	}
	goal, err := goalOf(text, &t.policy)
	if err == nil {
		t.goal = goal
	}
	return err
}

// completed adds the attributes of the present goal that text does not name.
func (t *talk) completed(text string) string {
	all := map[string]string{}
	for i, name := range t.names() {
		all[name] = fmt.Sprint(t.goal[i])
	}
	for _, part := range strings.Split(text, ",") {
		name, number, _ := strings.Cut(part, "=")
		all[strings.TrimSpace(name)] = number
	}
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(all)) {
		parts = append(parts, name+"="+all[name])
	}
	return strings.Join(parts, ",")
}

// names are those of the goal's numbers.
func (t *talk) names() []string {
	if len(t.policy.Wording.Names) > 0 {
		return t.policy.Wording.Names
	}
	return []string{"score"}
}

// regenerate draws another answer to the last turn.
func (t *talk) regenerate(ctx context.Context) error {
	last := len(t.turns) - 1
	if last < 1 {
		t.note("there is no answer yet")
		return nil
	}
	t.turns, t.again = slices.Clone(t.turns[:last:last]), t.again+1
	return t.answer(ctx)
}

// state is what the next answer is drawn with.
func (t *talk) state() string {
	goal := "no goal"
	if len(t.goal) > 0 {
		var parts []string
		for i, name := range t.names() {
			parts = append(parts, name+" "+chat.Goal{Decimals: -1}.Number(t.goal[i]))
		}
		goal = "goal: " + strings.Join(parts, ", ")
	}
	system := ""
	if t.System != "" {
		system = ", with a system turn"
	}
	return fmt.Sprintf("%s; %s, temperature %v, seed %d%s", t.policy.Name, goal, t.Temperature, t.Seed, system)
}
