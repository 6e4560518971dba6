using Oko.Datapath.Meters;
using Oko.OpenFlow.Messages;

namespace Oko.Agent.Rules.Meters;

/// <summary>The rule manager's record of one meter: what the controller said, and the meter that the worker runs packets
/// through. Control thread only.</summary>
internal sealed class MeterRecord(Meter meter, MeterConfiguration configuration, long createdNanoseconds)
{
    /// <summary>The meter in the datapath; its counters are live.</summary>
    public Meter Meter { get; } = meter;

    /// <summary>Flags and bands as the controller sent them.</summary>
    public MeterConfiguration Configuration { get; set; } = configuration;

    /// <summary>When it was added, on the datapath's clock.</summary>
    public long CreatedNanoseconds { get; } = createdNanoseconds;
}
