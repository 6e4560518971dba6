using Oko.Bpf.Isa;
using Oko.Bpf.Verifier;

namespace Oko.Bpf.Loading;

// Oko's programs get the packet in r1 and its length in r2. The original switch meant it so, but r2 was always 8 there; and two of
// its own examples test the length the wrong way round (if (headers < length) return), which only ever worked with 8.
//
// A program in Oko's form (20-byte map definitions, helper numbers) is verified with the true length first. Only when that is
// refused, it is taken the way it ran on the original switch, made safe: a few instructions in front let no packet through that is
// shorter than its headers, and set r2 to 8. The verifier then proves the reads as for any other program:
//
//       if r2 >= N goto run
//       r0 = 0                      ; shorter packets do not match
//       exit
//   run: r2 = 8
//
// N is the smallest of a few sums of header sizes with which the program can be proven.

/// <summary>Verifies programs in Oko's form. Stateless; any thread.</summary>
internal static class OriginalOko
{
    private const int LengthOfOriginal = 8;
    private const byte Length = 2;

    // Ethernet and IPv4; and TCP; and IPv6 with TCP.
    private static readonly int[] HeaderBytes = [34, 54, 74];

    /// <summary>Verifies a program, with the true length or as the original switch ran it.</summary>
    /// <exception cref="VerificationException">It is refused either way: the report is the one for the true length.</exception>
    internal static VerifiedProgram Verify(VerifierInput input)
    {
        try
        {
            return ProgramVerifier.Verify(input);
        }
        catch (VerificationException exception) when (input.Convention == EntryConvention.Oko && exception.Report.Verdict == VerifierVerdict.Unsafe)
        {
            if (TryVerify(input) is { } verified)
            {
                return verified;
            }

            throw;
        }
    }

    private static VerifiedProgram? TryVerify(VerifierInput input)
    {
        foreach (var bytes in HeaderBytes)
        {
            Instruction[] front =
            [
                new(Opcode.Of(InstructionClass.Jmp, JumpOperation.GreaterOrEqual, false), Length, 0, 2, bytes),
                new(Opcode.Mov64Immediate, 0, 0, 0, 0),
                new(Opcode.Exit, 0, 0, 0, 0),
                new(Opcode.Mov64Immediate, Length, 0, 0, LengthOfOriginal),
            ];
            try
            {
                return ProgramVerifier.Verify(input with
                {
                    // All attempts together take as long as one may.
                    Limits = input.Limits with { MaxSteps = input.Limits.MaxSteps / HeaderBytes.Length },
                    Instructions = [.. front, .. input.Instructions],
                    SourceLines = input.SourceLines.IsDefaultOrEmpty ? [] : [.. new string?[front.Length], .. input.SourceLines],
                }) with { Remark = $"runs as on the original Oko switch: its length argument is {LengthOfOriginal}, and packets shorter than {bytes} bytes do not match; with the true length it is refused" };
            }
            catch (VerificationException)
            {
                // The next size may do; if none does, the first report counts.
            }
        }

        return null;
    }
}
