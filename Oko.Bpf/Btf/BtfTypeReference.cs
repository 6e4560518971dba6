namespace Oko.Bpf.Btf;

/// <summary>A type of an object, kept together with the types it refers to.</summary>
public sealed record BtfTypeReference(BtfTypes Types, uint Id)
{
    /// <summary>Size in bytes.</summary>
    public uint Size => Types.SizeOf(Id);
}
