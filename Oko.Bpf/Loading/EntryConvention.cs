namespace Oko.Bpf.Loading;

/// <summary>What a program finds in its registers on entry and how its result is read. Chosen by the section the program
/// stands in.</summary>
public enum EntryConvention
{
    /// <summary>r1 = first byte of the packet, r2 = its length; match if r0 is exactly 1 (64 bits).</summary>
    Oko,

    /// <summary>r1 = context (<c>struct xdp_md</c>); match if the low 32 bits of r0 are exactly 1 (<c>XDP_DROP</c>).</summary>
    Xdp,

    /// <summary>r1 = context (<c>struct __sk_buff</c>), legacy packet loads allowed; match if the low 32 bits of r0 are
    /// not 0.</summary>
    Socket,
}
