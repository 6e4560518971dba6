namespace Oko.Datapath.Pipeline;

/// <summary>
/// Where all packets went. At any quiet moment <c>Received + Injected + Cloned = Sent + ToController + Consumed + sum(Drops)</c>.
/// </summary>
/// <param name="Received">Packets taken from ports.</param>
/// <param name="Injected">Packets given in by packet-out.</param>
/// <param name="Cloned">Copies made for the second and later outputs of a packet.</param>
/// <param name="Sent">Packets handed to ports.</param>
/// <param name="ToController">Packets queued for the controllers.</param>
/// <param name="Consumed">Packets that the switch itself took.</param>
/// <param name="Drops">Dropped packets, by <see cref="DropReason"/>.</param>
public sealed record DatapathBalance(
    long Received, long Injected, long Cloned, long Sent, long ToController, long Consumed, IReadOnlyList<long> Drops)
{
    /// <summary>Whether each packet has been accounted for.</summary>
    public bool IsBalanced => Received + Injected + Cloned == Sent + ToController + Consumed + Drops.Sum();

    /// <summary>Adds what two workers counted.</summary>
    internal static DatapathBalance Add(DatapathBalance a, DatapathBalance b) => new(
        a.Received + b.Received, a.Injected + b.Injected, a.Cloned + b.Cloned, a.Sent + b.Sent, a.ToController + b.ToController,
        a.Consumed + b.Consumed, [.. a.Drops.Zip(b.Drops, (x, y) => x + y)]);
}
