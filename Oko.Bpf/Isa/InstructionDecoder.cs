using System.Buffers.Binary;

namespace Oko.Bpf.Isa;

/// <summary>Bytes to instructions and back. Stateless; any thread.</summary>
/// <remarks>Nothing is judged here: every 8 bytes are some <see cref="Instruction"/>. What is valid is the verifier's
/// business.</remarks>
public static class InstructionDecoder
{
    /// <summary>Decodes a little-endian program.</summary>
    /// <param name="program">Bytes; the length must be a multiple of 8.</param>
    /// <exception cref="FormatException">The length is not a multiple of 8.</exception>
    public static Instruction[] Decode(ReadOnlySpan<byte> program)
    {
        if (program.Length % Instruction.SlotBytes != 0)
        {
            throw new FormatException(
                $"A BPF program consists of 8-byte slots; {program.Length} bytes are not a multiple of 8.");
        }

        var instructions = new Instruction[program.Length / Instruction.SlotBytes];
        for (int slot = 0; slot < instructions.Length; slot++)
        {
            instructions[slot] = DecodeSlot(program.Slice(slot * Instruction.SlotBytes, Instruction.SlotBytes));
        }

        return instructions;
    }

    /// <summary>Decodes one slot.</summary>
    /// <param name="slot">At least 8 bytes, little-endian.</param>
    public static Instruction DecodeSlot(ReadOnlySpan<byte> slot) => new(
        slot[0],
        (byte)(slot[1] & 0x0f),
        (byte)(slot[1] >> 4),
        BinaryPrimitives.ReadInt16LittleEndian(slot[2..]),
        BinaryPrimitives.ReadInt32LittleEndian(slot[4..]));

    /// <summary>Encodes a program, little-endian; the inverse of <see cref="Decode"/>.</summary>
    public static byte[] Encode(ReadOnlySpan<Instruction> instructions)
    {
        var bytes = new byte[instructions.Length * Instruction.SlotBytes];
        for (int slot = 0; slot < instructions.Length; slot++)
        {
            Instruction instruction = instructions[slot];
            Span<byte> target = bytes.AsSpan(slot * Instruction.SlotBytes);
            target[0] = instruction.Opcode;
            target[1] = (byte)((instruction.Dst & 0x0f) | (instruction.Src << 4));
            BinaryPrimitives.WriteInt16LittleEndian(target[2..], instruction.Offset);
            BinaryPrimitives.WriteInt32LittleEndian(target[4..], instruction.Immediate);
        }

        return bytes;
    }
}
