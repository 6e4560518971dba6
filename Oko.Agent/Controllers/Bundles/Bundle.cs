using Oko.OpenFlow.Bundles;

namespace Oko.Agent.Controllers.Bundles;

/// <summary>One bundle of a connection. Control thread only.</summary>
internal sealed class Bundle(BundleFlags flags)
{
    /// <summary>As it was opened; all its messages must say the same.</summary>
    public BundleFlags Flags { get; } = flags;

    /// <summary>Its messages, in order.</summary>
    public List<SessionRequest> Messages { get; } = [];

    /// <summary>Memory that the messages hold, in bytes, roughly.</summary>
    public long Cost { get; set; }

    /// <summary>Whether it takes no more messages.</summary>
    public bool IsClosed { get; set; }
}
