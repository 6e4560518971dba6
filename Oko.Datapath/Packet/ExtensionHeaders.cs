namespace Oko.Datapath.Packet;

/// <summary>The IPv6 extension headers of a packet as OXM_OF_IPV6_EXTHDR shows them; fed header by header.</summary>
/// <remarks>Source: OpenFlow 1.3.5, 7.2.3.8 (enum ofp_ipv6exthdr_flags): which headers there are, whether one is repeated that may not be,
/// and whether they stand in another order than RFC 8200, 4.1 prefers: hop-by-hop, destination options, routing, fragment,
/// authentication, ESP, destination options.</remarks>
internal struct ExtensionHeaders
{
    private const ushort NoNext = 1, Esp = 2, Authentication = 4, Destination = 8, Fragment = 16, Router = 32, HopByHop = 64,
        Repeated = 128, Unordered = 256;

    private int _rank;
    private int _destinations;

    /// <summary>OFPIEH bits.</summary>
    internal ushort Bits { get; private set; }

    /// <summary>Notes a header by its protocol number; others than extension headers change nothing.</summary>
    internal void Note(byte protocol)
    {
        switch (protocol)
        {
            case 0:
                Note(HopByHop, 1);
                break;
            case 43:
                Note(Router, 3);
                break;
            case 44:
                Note(Fragment, 4);
                break;
            case 51:
                Note(Authentication, 5);
                break;
            case 50:
                Note(Esp, 6);
                break;
            case 60:
                NoteDestination();
                break;
            case 59:
                Bits |= NoNext;
                break;
        }
    }

    private void Note(ushort bit, int rank)
    {
        Bits |= (Bits & bit) != 0 ? Repeated : rank < _rank ? Unordered : (ushort)0;
        Bits |= bit;
        _rank = Math.Max(_rank, rank);
    }

    /// <summary>There may be two: one for the stops of a routing header, in front of it, and one for the last, behind all.</summary>
    private void NoteDestination()
    {
        _destinations++;
        if (_destinations > 2)
        {
            Bits |= Repeated;
        }

        Bits |= Destination;
        _rank = _rank <= 1 ? 2 : 7;
    }
}
