namespace Oko.Datapath.Packet;

/// <summary>Where a field stands in a <see cref="FlowKey"/>: word, shift from the right, width in bits; of 128 bits the
/// low half, and the word of the high half.</summary>
public readonly record struct FieldPlace(byte Word, byte Shift, byte Width, byte HighWord = 0)
{
    private static readonly FieldPlace[] Places = Build();

    /// <summary>The place of a field.</summary>
    /// <exception cref="IndexOutOfRangeException">There is no such field.</exception>
    public static FieldPlace Of(FlowField field) => Places[(int)field];

    /// <summary>The bits of the field, right-aligned.</summary>
    /// <param name="words">Laid out as those of a <see cref="FlowKey"/>.</param>
    public UInt128 Read(ReadOnlySpan<ulong> words)
    {
        if (Width > 64)
        {
            return new UInt128(words[HighWord], words[Word]);
        }

        var value = words[Word] >> Shift;
        return Width == 64 ? value : value & ((1UL << Width) - 1);
    }

    private static FieldPlace[] Build()
    {
        var places = new FieldPlace[(int)FlowField.Ipv6ExtHdr + 1];
        void Put(int word, int shift, int width, params FlowField[] fields)
        {
            foreach (var field in fields)
            {
                places[(int)field] = new FieldPlace((byte)word, (byte)shift, (byte)width);
            }
        }

        void PutWide(int word, int highWord, FlowField field) => places[(int)field] = new FieldPlace((byte)word, 0, 128, (byte)highWord);

        // A port has no physical port behind it here, so both fields are one.
        Put(0, 32, 32, FlowField.InPort, FlowField.InPhyPort);
        Put(0, 16, 16, FlowField.EthType);
        Put(0, 13, 3, FlowField.VlanPcp);
        Put(0, 0, 13, FlowField.VlanVid);
        Put(4, 16, 48, FlowField.EthDst);
        Put(5, 16, 48, FlowField.EthSrc);
        Put(4, 0, 16, FlowField.TcpSrc, FlowField.UdpSrc, FlowField.SctpSrc);
        Put(5, 0, 16, FlowField.TcpDst, FlowField.UdpDst, FlowField.SctpDst);
        Put(4, 0, 8, FlowField.Icmpv4Type, FlowField.Icmpv6Type);
        Put(5, 0, 8, FlowField.Icmpv4Code, FlowField.Icmpv6Code);
        Put(6, 0, 64, FlowField.Metadata);
        PutWide(1, 8, FlowField.Ipv6Src);
        Put(1, 0, 32, FlowField.Ipv4Src, FlowField.ArpSpa);
        PutWide(2, 9, FlowField.Ipv6Dst);
        Put(2, 0, 32, FlowField.Ipv4Dst, FlowField.ArpTpa);
        Put(10, 0, 48, FlowField.ArpSha, FlowField.Ipv6NdSll);
        Put(11, 0, 48, FlowField.ArpTha, FlowField.Ipv6NdTll);
        PutWide(13, 12, FlowField.Ipv6NdTarget);
        Put(3, 56, 8, FlowField.IpProto);
        Put(3, 50, 6, FlowField.IpDscp);
        Put(3, 48, 2, FlowField.IpEcn);
        Put(3, 32, 16, FlowField.ArpOp);
        Put(3, 0, 20, FlowField.Ipv6FlowLabel);
        Put(3, 20, 9, FlowField.Ipv6ExtHdr);
        Put(3, 0, 20, FlowField.MplsLabel);
        Put(3, 20, 3, FlowField.MplsTc);
        Put(3, 23, 1, FlowField.MplsBos);
        Put(3, 0, 24, FlowField.PbbIsid);
        Put(7, 0, 64, FlowField.TunnelId);
        return places;
    }
}
