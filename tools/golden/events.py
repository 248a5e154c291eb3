"""An event file by TensorBoard's own writer, for internal/events."""

from pathlib import Path

from tensorboard.compat.proto import event_pb2, summary_pb2, tensor_pb2, tensor_shape_pb2, types_pb2
from tensorboard.summary.writer.record_writer import RecordWriter

OUT = Path(__file__).parents[2] / "internal/events/testdata/events.out.tfevents.golden"


def scalar(tag, value):
    return summary_pb2.Summary.Value(tag=tag, simple_value=value)


def text(tag, value):
    tensor = tensor_pb2.TensorProto(
        dtype=types_pb2.DT_STRING, tensor_shape=tensor_shape_pb2.TensorShapeProto(), string_val=[value.encode()]
    )
    plugin = summary_pb2.SummaryMetadata.PluginData(plugin_name="text")
    return summary_pb2.Summary.Value(tag=tag, tensor=tensor, metadata=summary_pb2.SummaryMetadata(plugin_data=plugin))


def main():
    OUT.parent.mkdir(exist_ok=True)
    with OUT.open("wb") as f:
        w = RecordWriter(f)
        w.write(event_pb2.Event(wall_time=0, file_version="brain.Event:2").SerializeToString())
        for step, values in [
            (1, [scalar("train/loss", 0.6931), scalar("train/rewards/chosen", -0.25)]),
            (2, [scalar("train/loss", 1e-30), text("train/warnings", "a chosen answer, 3 × less likely")]),
            (1 << 40, [scalar("train/loss", 0)]),
        ]:
            event = event_pb2.Event(wall_time=step, step=step, summary=summary_pb2.Summary(value=values))
            w.write(event.SerializeToString())


if __name__ == "__main__":
    main()
