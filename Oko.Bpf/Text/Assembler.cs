using System.Globalization;
using Oko.Bpf.Isa;

namespace Oko.Bpf.Text;

/// <summary>Text to instructions, in the dialect of the BPF conformance suite: <c>add32 %r1, 5</c>,
/// <c>ldxw %r0, [%r1+2]</c>, <c>jeq %r0, 1, label</c>. For tests and tools. Stateless; any thread.</summary>
/// <remarks>
/// One instruction or <c>label:</c> per line, <c>#</c> starts a comment. Without suffix arithmetic and jumps are 64-bit,
/// with <c>32</c> they are 32-bit. A jump goes to a label or to <c>+N</c>, counted in slots from the next one;
/// the last <c>exit</c> is a label by itself. Beyond the suite's
/// dialect there are <c>ldabsb/h/w OFFSET</c>, <c>ldindb/h/w %rS, OFFSET</c>, <c>ldmap %rD, INDEX</c>,
/// <c>ldmapvalue %rD, INDEX, OFFSET</c> and <c>ldfunc %rD, LABEL</c> (a callback).
/// </remarks>
public static class Assembler
{
    private const string ExitLabel = "exit";

    private static readonly Dictionary<string, (AluOperation Operation, short Offset)> Arithmetic = new()
    {
        ["add"] = (AluOperation.Add, 0),
        ["sub"] = (AluOperation.Sub, 0),
        ["mul"] = (AluOperation.Mul, 0),
        ["div"] = (AluOperation.Div, 0),
        ["sdiv"] = (AluOperation.Div, 1),
        ["mod"] = (AluOperation.Mod, 0),
        ["smod"] = (AluOperation.Mod, 1),
        ["or"] = (AluOperation.Or, 0),
        ["and"] = (AluOperation.And, 0),
        ["xor"] = (AluOperation.Xor, 0),
        ["lsh"] = (AluOperation.Lsh, 0),
        ["rsh"] = (AluOperation.Rsh, 0),
        ["arsh"] = (AluOperation.Arsh, 0),
        ["mov"] = (AluOperation.Mov, 0),
        ["neg"] = (AluOperation.Neg, 0),
    };

    private static readonly Dictionary<string, JumpOperation> Jumps = new()
    {
        ["jeq"] = JumpOperation.Equal,
        ["jne"] = JumpOperation.NotEqual,
        ["jgt"] = JumpOperation.Greater,
        ["jge"] = JumpOperation.GreaterOrEqual,
        ["jlt"] = JumpOperation.Less,
        ["jle"] = JumpOperation.LessOrEqual,
        ["jset"] = JumpOperation.BitsSet,
        ["jsgt"] = JumpOperation.SignedGreater,
        ["jsge"] = JumpOperation.SignedGreaterOrEqual,
        ["jslt"] = JumpOperation.SignedLess,
        ["jsle"] = JumpOperation.SignedLessOrEqual,
    };

    private static readonly Dictionary<string, int> Atomics = new()
    {
        ["add"] = AtomicOperation.Add,
        ["or"] = AtomicOperation.Or,
        ["and"] = AtomicOperation.And,
        ["xor"] = AtomicOperation.Xor,
        ["xchg"] = AtomicOperation.Exchange,
        ["cmpxchg"] = AtomicOperation.CompareExchange,
    };

    private static readonly Dictionary<char, MemorySize> Sizes = new()
    {
        ['b'] = MemorySize.Byte,
        ['h'] = MemorySize.HalfWord,
        ['w'] = MemorySize.Word,
        ['d'] = MemorySize.DoubleWord,
    };

    /// <summary>Assembles a program.</summary>
    /// <exception cref="FormatException">A line cannot be read; the message has its number, its text and the reason.</exception>
    public static Instruction[] Assemble(string source)
    {
        var lines = new List<(int Number, string Text, int Slot)>();
        var labels = new Dictionary<string, int>();
        int slot = 0;
        int lastExit = -1;
        string[] sourceLines = source.Split('\n');
        for (int number = 1; number <= sourceLines.Length; number++)
        {
            string text = sourceLines[number - 1].Split('#')[0].Trim();
            if (text.EndsWith(':'))
            {
                if (!labels.TryAdd(text[..^1], slot))
                {
                    throw Fault(number, text, "the label stands twice");
                }
            }
            else if (text.Length != 0)
            {
                lines.Add((number, text, slot));
                lastExit = text == ExitLabel ? slot : lastExit;
                slot += text.Split((char[]?)null, 2)[0].ToLowerInvariant() is "lddw" or "ldmap" or "ldmapvalue" or "ldfunc" ? 2 : 1;
            }
        }

        if (lastExit >= 0)
        {
            labels.TryAdd(ExitLabel, lastExit);
        }

        var program = new List<Instruction>(slot);
        foreach ((int number, string text, int at) in lines)
        {
            try
            {
                AssembleLine(text, at, labels, program);
            }
            catch (Exception e) when (e is FormatException or OverflowException)
            {
                throw Fault(number, text, e.Message);
            }
        }

        return [.. program];
    }

    private static void AssembleLine(string text, int slot, Dictionary<string, int> labels, List<Instruction> program)
    {
        string[] parts = text.Split((char[]?)null, 2, StringSplitOptions.RemoveEmptyEntries);
        string mnemonic = parts[0].ToLowerInvariant();
        string rest = parts.Length > 1 ? parts[1] : "";
        string[] operands = rest.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        bool is32 = mnemonic.EndsWith("32", StringComparison.Ordinal);
        string stem = is32 ? mnemonic[..^2] : mnemonic;

        if (Arithmetic.TryGetValue(stem, out (AluOperation Operation, short Offset) alu))
        {
            program.Add(ArithmeticLine(is32 ? InstructionClass.Alu : InstructionClass.Alu64, alu.Operation, alu.Offset, operands));
        }
        else if (Jumps.TryGetValue(stem, out JumpOperation jump))
        {
            Expect(operands, 3);
            bool register = IsRegister(operands[1]);
            program.Add(new Instruction(
                Opcode.Of(is32 ? InstructionClass.Jmp32 : InstructionClass.Jmp, jump, register),
                ParseRegister(operands[0]),
                register ? ParseRegister(operands[1]) : (byte)0,
                checked((short)Displacement(operands[2], slot, labels)),
                register ? 0 : ParseImmediate(operands[1])));
        }
        else if (mnemonic.StartsWith("movsx", StringComparison.Ordinal))
        {
            program.Add(SignExtendingMove(mnemonic[5..], operands));
        }
        else if (mnemonic is "lddw" or "ldmap" or "ldmapvalue" or "ldfunc")
        {
            AddWide(mnemonic, operands, slot, labels, program);
        }
        else if (mnemonic.StartsWith("ld", StringComparison.Ordinal) || mnemonic.StartsWith("st", StringComparison.Ordinal))
        {
            program.Add(MemoryLine(mnemonic, operands));
        }
        else if (mnemonic == "lock")
        {
            program.Add(AtomicLine(rest));
        }
        else if (mnemonic == "call")
        {
            program.Add(CallLine(rest, slot, labels));
        }
        else
        {
            program.Add(OtherLine(mnemonic, operands, slot, labels));
        }
    }

    private static Instruction ArithmeticLine(
        InstructionClass instructionClass, AluOperation operation, short offset, string[] operands)
    {
        if (operation == AluOperation.Neg)
        {
            Expect(operands, 1);
            return new Instruction(Opcode.Of(instructionClass, operation, false), ParseRegister(operands[0]), 0, 0, 0);
        }

        Expect(operands, 2);
        bool register = IsRegister(operands[1]);
        return new Instruction(
            Opcode.Of(instructionClass, operation, register),
            ParseRegister(operands[0]),
            register ? ParseRegister(operands[1]) : (byte)0,
            offset,
            register ? 0 : ParseImmediate(operands[1]));
    }

    private static Instruction SignExtendingMove(string widths, string[] operands)
    {
        Expect(operands, 2);
        (short from, InstructionClass instructionClass) = widths switch
        {
            "832" => ((short)8, InstructionClass.Alu),
            "1632" => ((short)16, InstructionClass.Alu),
            "864" => ((short)8, InstructionClass.Alu64),
            "1664" => ((short)16, InstructionClass.Alu64),
            "3264" => ((short)32, InstructionClass.Alu64),
            _ => throw new FormatException("the widths are 832, 1632, 864, 1664 or 3264"),
        };
        return new Instruction(
            Opcode.Of(instructionClass, AluOperation.Mov, true), ParseRegister(operands[0]), ParseRegister(operands[1]), from, 0);
    }

    private static void AddWide(string mnemonic, string[] operands, int slot, Dictionary<string, int> labels, List<Instruction> program)
    {
        Expect(operands, mnemonic == "ldmapvalue" ? 3 : 2);
        byte dst = ParseRegister(operands[0]);
        (byte kind, int low, int high) = (WideImmediateKind.Map, 0, 0);
        switch (mnemonic)
        {
            case "lddw":
                ulong value = ParseUnsigned64(operands[1]);
                (kind, low, high) = (WideImmediateKind.Number, (int)(uint)value, (int)(uint)(value >> 32));
                break;
            case "ldmap":
                low = ParseImmediate(operands[1]);
                break;
            case "ldfunc":
                (kind, low) = (WideImmediateKind.Function, checked((int)Displacement(operands[1], slot, labels)));
                break;
            default:
                (kind, low, high) = (WideImmediateKind.MapValue, ParseImmediate(operands[1]), ParseImmediate(operands[2]));
                break;
        }

        program.Add(new Instruction(Opcode.LoadWideImmediate, dst, kind, 0, low));
        program.Add(new Instruction(0, 0, 0, 0, high));
    }

    private static Instruction MemoryLine(string mnemonic, string[] operands)
    {
        string size = mnemonic.EndsWith("dw", StringComparison.Ordinal) ? "d" : mnemonic[^1..];
        if (!Sizes.TryGetValue(size[0], out MemorySize memorySize))
        {
            throw new FormatException($"'{mnemonic}' does not end in a size (b, h, w, dw)");
        }

        switch (mnemonic[..^(size == "d" ? 2 : 1)])
        {
            case "ldx":
            case "ldxs":
                Expect(operands, 2);
                (byte source, short loadOffset) = ParseAddress(operands[1]);
                MemoryMode mode = mnemonic.StartsWith("ldxs", StringComparison.Ordinal) ? MemoryMode.MemorySignExtended : MemoryMode.Memory;
                return new Instruction(
                    Opcode.Of(InstructionClass.Ldx, mode, memorySize), ParseRegister(operands[0]), source, loadOffset, 0);
            case "stx":
                Expect(operands, 2);
                (byte target, short offset) = ParseAddress(operands[0]);
                return new Instruction(
                    Opcode.Of(InstructionClass.Stx, MemoryMode.Memory, memorySize), target, ParseRegister(operands[1]), offset, 0);
            case "st":
                Expect(operands, 2);
                (byte place, short storeOffset) = ParseAddress(operands[0]);
                return new Instruction(
                    Opcode.Of(InstructionClass.St, MemoryMode.Memory, memorySize), place, 0, storeOffset, ParseImmediate(operands[1]));
            case "ldabs":
                Expect(operands, 1);
                return new Instruction(
                    Opcode.Of(InstructionClass.Ld, MemoryMode.PacketAbsolute, memorySize), 0, 0, 0, ParseImmediate(operands[0]));
            case "ldind":
                Expect(operands, 2);
                return new Instruction(
                    Opcode.Of(InstructionClass.Ld, MemoryMode.PacketIndirect, memorySize),
                    0, ParseRegister(operands[0]), 0, ParseImmediate(operands[1]));
            default:
                throw new FormatException($"unknown instruction '{mnemonic}'");
        }
    }

    private static Instruction AtomicLine(string rest)
    {
        string[] words = rest.Replace('_', ' ').Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        bool fetch = words.Length > 0 && words[0] == "fetch";
        string name = words.ElementAtOrDefault(fetch ? 1 : 0) ?? "";
        bool is32 = name.EndsWith("32", StringComparison.Ordinal);
        if (!Atomics.TryGetValue(is32 ? name[..^2] : name, out int operation))
        {
            throw new FormatException($"unknown atomic operation '{name}'");
        }

        string[] operands = string.Join(' ', words.Skip(fetch ? 2 : 1)).Split(',', StringSplitOptions.TrimEntries);
        Expect(operands, 2);
        (byte register, short offset) = ParseAddress(operands[0]);
        return new Instruction(
            is32 ? Opcode.Atomic32 : Opcode.Atomic64,
            register,
            ParseRegister(operands[1]),
            offset,
            fetch ? operation | AtomicOperation.Fetch : operation);
    }

    private static Instruction CallLine(string rest, int slot, Dictionary<string, int> labels)
    {
        string[] words = rest.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
        if (words is ["local", var target])
        {
            return new Instruction(Opcode.Call, 0, CallKind.Local, 0, Displacement(target, slot, labels));
        }

        Expect(words, 1);
        return IsRegister(words[0])
            ? new Instruction(Opcode.CallRegister, ParseRegister(words[0]), 0, 0, 0)
            : new Instruction(Opcode.Call, 0, CallKind.Helper, 0, ParseImmediate(words[0]));
    }

    private static Instruction OtherLine(string mnemonic, string[] operands, int slot, Dictionary<string, int> labels)
    {
        switch (mnemonic)
        {
            case "exit":
                Expect(operands, 0);
                return new Instruction(Opcode.Exit, 0, 0, 0, 0);
            case "ja":
                Expect(operands, 1);
                return new Instruction(Opcode.JumpAlways, 0, 0, checked((short)Displacement(operands[0], slot, labels)), 0);
            case "ja32":
                Expect(operands, 1);
                return new Instruction(Opcode.JumpAlways32, 0, 0, 0, Displacement(operands[0], slot, labels));
        }

        string digits = mnemonic.TrimStart("abcdefghijklmnopqrstuvwxyz".ToCharArray());
        byte? opcode = mnemonic[..^digits.Length] switch
        {
            "le" => Opcode.Of(InstructionClass.Alu, AluOperation.End, false),
            "be" => Opcode.Of(InstructionClass.Alu, AluOperation.End, true),
            "swap" or "bswap" => Opcode.Of(InstructionClass.Alu64, AluOperation.End, false),
            _ => null,
        };
        if (opcode is null || digits is not ("16" or "32" or "64"))
        {
            throw new FormatException($"unknown instruction '{mnemonic}'");
        }

        Expect(operands, 1);
        return new Instruction(opcode.Value, ParseRegister(operands[0]), 0, 0, ParseImmediate(digits));
    }

    private static bool IsRegister(string operand) => operand.StartsWith('%') || (operand.Length > 1 && operand[0] == 'r');

    private static byte ParseRegister(string operand)
    {
        ReadOnlySpan<char> digits = operand.AsSpan().TrimStart('%').TrimStart('r');
        return IsRegister(operand) && byte.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out byte number) &&
            number < Register.Count
            ? number
            : throw new FormatException($"'{operand}' is not a register (%r0 to %r10)");
    }

    private static (byte Register, short Offset) ParseAddress(string operand)
    {
        if (!operand.StartsWith('[') || !operand.EndsWith(']'))
        {
            throw new FormatException($"'{operand}' is not an address ([%r1+2])");
        }

        string inner = operand[1..^1].Trim();
        int sign = inner.IndexOfAny(['+', '-']);
        return sign < 0
            ? (ParseRegister(inner), (short)0)
            : (ParseRegister(inner[..sign].Trim()), checked((short)ParseImmediate(inner[sign..].TrimStart('+').Replace(" ", ""))));
    }

    private static int Displacement(string target, int slot, Dictionary<string, int> labels) =>
        labels.TryGetValue(target, out int labelSlot) ? labelSlot - slot - 1
        : target[0] is '+' or '-' ? ParseImmediate(target.TrimStart('+'))
        : throw new FormatException($"there is no label '{target}'");

    private static int ParseImmediate(string text)
    {
        long value = unchecked((long)ParseUnsigned64(text));
        return value is >= int.MinValue and <= uint.MaxValue
            ? unchecked((int)value)
            : throw new FormatException($"{text} does not fit in 32 bits");
    }

    private static ulong ParseUnsigned64(string text)
    {
        bool negative = text.StartsWith('-');
        ReadOnlySpan<char> digits = text.AsSpan(negative ? 1 : 0);
        bool hexadecimal = digits.StartsWith("0x", StringComparison.OrdinalIgnoreCase);
        ulong magnitude = 0;
        bool read = hexadecimal
            ? ulong.TryParse(digits[2..], NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out magnitude)
            : ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out magnitude);
        return !read ? throw new FormatException($"'{text}' is not a number")
            : negative ? unchecked(0 - magnitude) : magnitude;
    }

    private static void Expect(string[] operands, int count)
    {
        if (operands.Length != count)
        {
            throw new FormatException($"{count} operands are needed, {operands.Length} are there");
        }
    }

    private static FormatException Fault(int line, string text, string reason) => new($"line {line}: '{text}': {reason}");
}
