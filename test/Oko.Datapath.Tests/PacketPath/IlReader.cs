using System.Buffers.Binary;
using System.Reflection;
using System.Reflection.Emit;

namespace Oko.Datapath.Tests.PacketPath;

/// <summary>One instruction of a method.</summary>
/// <param name="Code">Its operation.</param>
/// <param name="Member">The method, type or field that it names, if it names one.</param>
internal readonly record struct IlInstruction(OpCode Code, MemberInfo? Member);

/// <summary>Reads the IL of methods. Source: ECMA-335, III.1.2 "Instruction encoding" (of opcodes and operands).</summary>
internal static class IlReader
{
    private const byte TwoBytePrefix = 0xFE;

    private static readonly Dictionary<short, OpCode> Codes = typeof(OpCodes).GetFields(BindingFlags.Public | BindingFlags.Static)
        .Select(field => (OpCode)field.GetValue(null)!).ToDictionary(code => code.Value);

    /// <summary>The instructions of a method in the order of its code; none if it has no body.</summary>
    internal static List<IlInstruction> Read(MethodBase method)
    {
        var instructions = new List<IlInstruction>();
        var il = method.GetMethodBody()?.GetILAsByteArray() ?? [];
        for (var at = 0; at < il.Length;)
        {
            short value = il[at++];
            if (value == TwoBytePrefix)
            {
                value = (short)((TwoBytePrefix << 8) | il[at++]);
            }

            var code = Codes[value];
            instructions.Add(new IlInstruction(code, Member(method, code, il.AsSpan(at))));
            at += OperandSize(code, il.AsSpan(at));
        }

        return instructions;
    }

    private static MemberInfo? Member(MethodBase method, OpCode code, ReadOnlySpan<byte> operand)
    {
        if (code.OperandType is not (OperandType.InlineMethod or OperandType.InlineType or OperandType.InlineField or OperandType.InlineTok))
        {
            return null;
        }

        var typeArguments = method.DeclaringType is { IsGenericType: true } type ? type.GetGenericArguments() : null;
        var methodArguments = method.IsGenericMethod ? method.GetGenericArguments() : null;
        return method.Module.ResolveMember(BinaryPrimitives.ReadInt32LittleEndian(operand), typeArguments, methodArguments);
    }

    private static int OperandSize(OpCode code, ReadOnlySpan<byte> operand) => code.OperandType switch
    {
        OperandType.InlineNone => 0,
        OperandType.ShortInlineBrTarget or OperandType.ShortInlineI or OperandType.ShortInlineVar => 1,
        OperandType.InlineVar => 2,
        OperandType.InlineI8 or OperandType.InlineR => 8,
        OperandType.InlineSwitch => 4 + (4 * BinaryPrimitives.ReadInt32LittleEndian(operand)),
        _ => 4,
    };
}
