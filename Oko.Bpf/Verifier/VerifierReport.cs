using System.Collections.Immutable;
using System.Text;

namespace Oko.Bpf.Verifier;

/// <summary>How a program was refused.</summary>
public enum VerifierVerdict
{
    /// <summary>Some execution would break a rule.</summary>
    Unsafe = 1,

    /// <summary>It may be safe, but that cannot be shown.</summary>
    CannotProve = 2,

    /// <summary>It uses what this version does not support.</summary>
    NotSupported = 3,
}

/// <summary>A refusal for people: where, what, why, what to change.</summary>
/// <param name="Verdict">How.</param>
/// <param name="Slot">Instruction slot.</param>
/// <param name="InstructionText">The instruction.</param>
/// <param name="Reason">The rule and how it is broken.</param>
/// <param name="Advice">What to change.</param>
/// <param name="SourceLine">"file:line: text" when the object says it.</param>
/// <param name="RegisterState">What was known of the registers.</param>
public sealed record VerifierReport(
    VerifierVerdict Verdict, int Slot, string InstructionText, string Reason, string Advice, string? SourceLine, string RegisterState)
{
    /// <summary>The instructions that led there, in order: slot, text, source line.</summary>
    public ImmutableArray<(int Slot, string Text, string? SourceLine)> Slice { get; init; } = [];

    /// <summary>One line.</summary>
    public string Message =>
        $"{VerdictText} at instruction {Slot} ({InstructionText}){(SourceLine is null ? string.Empty : ", " + SourceLine)}: {Reason}; {Advice}";

    private string VerdictText => Verdict switch
    {
        VerifierVerdict.Unsafe => "unsafe",
        VerifierVerdict.CannotProve => "cannot prove safe",
        _ => "not supported",
    };

    /// <inheritdoc/>
    public override string ToString() => Message;

    /// <summary>The line, and with <paramref name="verbose"/> below it what was known of the registers, and the instructions that made
    /// the values which the refused one uses.</summary>
    public string ToString(bool verbose)
    {
        if (!verbose)
        {
            return Message;
        }

        var text = new StringBuilder(Message).Append("\n  registers: ").Append(RegisterState);
        string? line = null;
        foreach (var step in Slice.Append((Slot, InstructionText, SourceLine)))
        {
            if (step.Item3 is not null && step.Item3 != line)
            {
                text.Append("\n  ; ").Append(line = step.Item3);
            }

            text.Append($"\n  {step.Item1,5}: {step.Item2}");
        }

        return text.ToString();
    }
}

/// <summary>The verifier refused a program.</summary>
public sealed class VerificationException(VerifierReport report) : Exception(report.Message)
{
    /// <summary>Why.</summary>
    public VerifierReport Report { get; } = report;
}

/// <summary>Bounds of what is accepted.</summary>
/// <param name="MaxInstructions">Slots of a program.</param>
/// <param name="MaxWorstCase">Instructions per run in the worst case.</param>
/// <param name="MaxPendingStates">Jump targets that wait to be visited at one time; each holds a state of some kilobytes.</param>
/// <param name="MaxSteps">Visits of instructions, over all rounds of loops and all calls.</param>
public sealed record VerifierLimits(int MaxInstructions = 65536, int MaxWorstCase = 65536, int MaxPendingStates = 4096, int MaxSteps = 1_000_000);
