using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Messages;

/// <summary>Durations as the specification writes them: seconds, then nanoseconds beyond them.</summary>
internal static class Durations
{
    internal static TimeSpan Read(ref WireReader reader)
    {
        var seconds = reader.U32();
        return TimeSpan.FromSeconds(seconds) + TimeSpan.FromTicks(reader.U32() / TimeSpan.NanosecondsPerTick);
    }

    internal static void Write(WireWriter writer, TimeSpan duration)
    {
        writer.U32((uint)(duration.Ticks / TimeSpan.TicksPerSecond));
        writer.U32((uint)(duration.Ticks % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick));
    }
}
