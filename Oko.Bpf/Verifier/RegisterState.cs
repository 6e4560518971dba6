namespace Oko.Bpf.Verifier;

/// <summary>What a register holds.</summary>
internal enum RegisterKind : byte
{
    /// <summary>Not written on some path.</summary>
    Uninitialised,

    /// <summary>Different kinds of value on different paths.</summary>
    Mixed,

    /// <summary>A number.</summary>
    Scalar,

    /// <summary>An address in the packet: its start + Offset + a variable part.</summary>
    Packet,

    /// <summary>The end of the packet.</summary>
    PacketEnd,

    /// <summary>An address in the stack: r10 of frame number <see cref="RegisterState.Map"/> + Offset + a variable part.</summary>
    Stack,

    /// <summary>The context + Offset.</summary>
    Context,

    /// <summary>A map.</summary>
    Map,

    /// <summary>An address in a map value: its start + Offset + a variable part.</summary>
    MapValue,

    /// <summary>The start of a map value, or 0.</summary>
    MapValueOrNull,

    /// <summary>An address in a map's key that a callback was given: its start + Offset + a variable part. Read only.</summary>
    MapKey,

    /// <summary>An address in a ring buffer record of <see cref="RegisterState.Size"/> bytes that was reserved and not given back.</summary>
    Record,

    /// <summary>The start of a ring buffer record, or 0.</summary>
    RecordOrNull,

    /// <summary>A function of the program, whose first slot is Offset.</summary>
    Function,
}

/// <summary>
/// What is known of one register or spilled register. <see cref="Id"/> names a run-time value: of a number or a lookup's result, so
/// that a comparison teaches something about all copies; of a packet address' variable part, so that what is proven for one
/// address holds for all addresses with this part. An address made from a named number takes the number's name for its variable
/// part, so that a comparison of the number with the packet's length tells about the address. Of a ring buffer record it names the
/// reservation.
/// </summary>
/// <param name="Kind">Kind.</param>
/// <param name="Value">A number's value; an address' variable part.</param>
/// <param name="Offset">Constant part of an address; of a named number, what was added to what the name stands for.</param>
/// <param name="Id">See above; 0 = none.</param>
/// <param name="Map">Index of the map; of a stack address, the number of the frame.</param>
/// <param name="Tail">The number says how many bytes of the packet lie behind an address; -1 = it does not, 0 = behind the packet's start:
/// its length, else the name of the address' variable part.</param>
/// <param name="TailOffset">The constant part of that address.</param>
/// <param name="Size">Bytes of a ring buffer record.</param>
internal readonly record struct RegisterState(
    RegisterKind Kind, Scalar Value, long Offset = 0, int Id = 0, int Map = -1, int Tail = -1, long TailOffset = 0, int Size = 0)
{
    internal static RegisterState Uninitialised { get; } = new(RegisterKind.Uninitialised, default);

    internal static RegisterState Mixed { get; } = new(RegisterKind.Mixed, default);

    internal bool IsPointer => Kind > RegisterKind.Scalar;

    internal bool IsReadable => Kind > RegisterKind.Mixed;

    /// <summary>The number is the length of the packet.</summary>
    internal bool IsLength => Tail == 0 && TailOffset == 0;

    /// <summary>0 may stand in the place of the address.</summary>
    internal bool MayBeNull => Kind is RegisterKind.MapValueOrNull or RegisterKind.RecordOrNull;

    internal static RegisterState Number(Scalar value, int id = 0) => new(RegisterKind.Scalar, value, Id: id);

    internal static RegisterState Number(ulong value) => new(RegisterKind.Scalar, Scalar.Constant(value));

    public override string ToString() => Kind switch
    {
        RegisterKind.Uninitialised => "not written",
        RegisterKind.Mixed => "different on different paths",
        RegisterKind.Scalar => IsLength ? "packet length" : Value.ToString(),
        RegisterKind.Packet => $"packet{Parts}",
        RegisterKind.PacketEnd => "end of packet",
        RegisterKind.Stack => $"stack{Parts}",
        RegisterKind.Context => $"context{Parts}",
        RegisterKind.Map => $"map {Map}",
        RegisterKind.MapValue => $"value of map {Map}{Parts}",
        RegisterKind.MapKey => $"key of map {Map}{Parts}",
        RegisterKind.Record => $"record of {Size} bytes{Parts}",
        RegisterKind.RecordOrNull => $"record of {Size} bytes or 0",
        RegisterKind.Function => $"function at {Offset}",
        _ => $"value of map {Map} or 0",
    };

    private string Parts => (Offset == 0 ? string.Empty : $"{Offset:+0;-0}") + (Value.Max == 0 ? string.Empty : $"+({Value.Min}..{Value.Max})");
}
