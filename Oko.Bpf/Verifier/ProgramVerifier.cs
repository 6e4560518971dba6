using System.Collections.Immutable;
using Oko.Bpf.Helpers;
using Oko.Bpf.Isa;
using Oko.Bpf.Loading;

namespace Oko.Bpf.Verifier;

// What is proven, and how.
//
// A filter runs inside the thread that forwards everybody's packets, as compiled code without a single check. So before it is
// compiled it is shown, for every packet and every content of its maps: each access lies in the packet, the stack, a map value or
// the context; nothing is read that was not written; no address gets out; it ends after a known number of instructions.
//
// The method is abstract interpretation over the control-flow graph. Loops are refused, so the graph has a topological order, and
// each instruction is looked at once, in a state that stands for all executions that reach it: states are joined where paths
// meet. The cost is near linear in the size of the program, where a verifier that follows each path doubles it with each branch.
// The price is precision: what holds on one path only is forgotten at the join.
//
// A number is a set: an unsigned range and known bits (Scalar). An address is a region, a constant offset and a variable part.
// For packet addresses the variable part has an identity, and the state says how many bytes are proven to exist behind
// "start + variable part": learnt from a comparison with the packet's end (or of its length), true for every address with the
// same variable part. Branches refine both sides; a side that no value can take is not walked and counts as unreachable.
//
// Unsigned ranges suffice for what compilers emit for packets; a signed comparison teaches something only where it agrees with
// the unsigned one. What this verifier cannot follow it refuses as "cannot prove", never accepts.
//
// Not done here: proof that a program does what its author means; bounds on the time of a map operation (the maps are built so
// that they are bounded); refinement by map contents.

/// <summary>What to verify.</summary>
public sealed record VerifierInput
{
    /// <summary>Name of the program.</summary>
    public required string Name { get; init; }

    /// <summary>Registers on entry.</summary>
    public required EntryConvention Convention { get; init; }

    /// <summary>The slots; wide loads of maps hold the map's index.</summary>
    public required Instruction[] Instructions { get; init; }

    /// <summary>The maps.</summary>
    public ImmutableArray<MapSpec> Maps { get; init; } = [];

    /// <summary>Helper numbers are Oko's.</summary>
    public bool OkoHelpers { get; init; }

    /// <summary>Bounds.</summary>
    public VerifierLimits Limits { get; init; } = new();

    /// <summary>Source line per slot, where known.</summary>
    public ImmutableArray<string?> SourceLines { get; init; } = [];
}

/// <summary>Proves that a program is safe to run, or says why not. One use per program; any thread.</summary>
public sealed partial class ProgramVerifier
{
    private const int LongestPacket = 65535;

    private readonly VerifierInput _input;
    private readonly Instruction[] _program;
    private readonly HelperTable _helpers;
    private readonly AbstractState?[] _states;
    private readonly int[] _longest;
    private readonly int[] _mapAtCall;
    private int _lastId;
    private int _pending;
    private int _stackBytes;
    private int _slot;
    private AbstractState _state = new();

    private ProgramVerifier(VerifierInput input)
    {
        _input = input;
        _program = [.. input.Instructions];
        _helpers = HelperTable.For(input.OkoHelpers);
        _states = new AbstractState?[_program.Length];
        _longest = new int[_program.Length];
        _mapAtCall = new int[_program.Length];
        Array.Fill(_mapAtCall, -1);
    }

    /// <summary>Verifies a program.</summary>
    /// <returns>The program with its context accesses rewritten and the facts that the engines rely on.</returns>
    /// <exception cref="VerificationException">It is refused.</exception>
    public static VerifiedProgram Verify(VerifierInput input) => new ProgramVerifier(input).Run();

    private VerifiedProgram Run()
    {
        if (_program.Length == 0 || _program.Length > _input.Limits.MaxInstructions)
        {
            throw new VerificationException(new VerifierReport(
                VerifierVerdict.Unsafe, 0, string.Empty, $"the program has {_program.Length} instructions", $"1 to {_input.Limits.MaxInstructions} are allowed", null, string.Empty));
        }

        StructuralChecks.CheckInstructions(_program, _input.Maps.Length, RefuseAt);
        var order = StructuralChecks.TopologicalOrder(_program, RefuseAt);
        _states[0] = EntryState();
        _pending = 1;
        _longest[0] = 1;
        var worst = 0;
        var reachable = new bool[_program.Length];
        foreach (var slot in order)
        {
            if (_states[slot] is not { } state)
            {
                continue;                       // on no path that can be taken
            }

            _slot = slot;
            _state = state;
            reachable[slot] = true;
            if (_program[slot].IsWide)
            {
                reachable[slot + 1] = true;
            }

            worst = Math.Max(worst, _longest[slot]);
            if (worst > _input.Limits.MaxWorstCase)
            {
                throw Refuse(VerifierVerdict.CannotProve, $"more than {_input.Limits.MaxWorstCase} instructions may run", "shorten the program");
            }

            Step(_program[slot]);
            _states[slot] = null;               // its work is done; large programs need the memory
            _pending--;
        }

        return new VerifiedProgram
        {
            Name = _input.Name, Instructions = _program, Convention = _input.Convention, Reachable = reachable, WorstCaseInstructions = worst,
            StackBytes = _stackBytes, MapAtCall = _mapAtCall, Maps = _input.Maps, OkoHelpers = _input.OkoHelpers, FunctionStarts = [0],
        };
    }

    private AbstractState EntryState()
    {
        var state = new AbstractState();
        for (var register = 0; register < AbstractState.Registers; register++)
        {
            state[register] = RegisterState.Uninitialised;
        }

        state[10] = new RegisterState(RegisterKind.Stack, default);
        if (_input.Convention == EntryConvention.Oko)
        {
            state[1] = new RegisterState(RegisterKind.Packet, default);
            state[2] = Length();
        }
        else
        {
            state[1] = new RegisterState(RegisterKind.Context, default);
        }

        return state;
    }

    private RegisterState Length() => new(RegisterKind.Scalar, Scalar.Range(0, LongestPacket), Id: FreshId(), IsLength: true);

    private int FreshId() => ++_lastId;

    private void Step(Instruction instruction)
    {
        switch (instruction.Class)
        {
            case InstructionClass.Alu or InstructionClass.Alu64:
                Arithmetic(instruction);
                break;
            case InstructionClass.Ld:
                Load(instruction);
                break;
            case InstructionClass.Ldx:
                Read(instruction);
                break;
            case InstructionClass.St or InstructionClass.Stx:
                Write(instruction);
                break;
            default:
                Jump(instruction);
                return;
        }

        Flow(_slot + instruction.Slots, _state);
    }

    /// <summary>Control goes on at a slot in a state.</summary>
    private void Flow(int target, AbstractState state)
    {
        if (_states[target] is { } other)
        {
            _states[target] = AbstractState.Join(other, state, FreshId);
        }
        else if (++_pending > _input.Limits.MaxPendingStates)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"more than {_input.Limits.MaxPendingStates} jump targets wait to be visited", "let branches meet earlier");
        }
        else
        {
            _states[target] = state.Copy();
        }

        _longest[target] = Math.Max(_longest[target], _longest[_slot] + 1);
    }

    private RegisterState Use(int register)
    {
        var value = _state[register];
        if (!value.IsReadable)
        {
            throw value.Kind == RegisterKind.Uninitialised
                ? Refuse(VerifierVerdict.Unsafe, $"r{register} is read but was not written on every path (calls leave r1 to r5 unwritten)", $"set r{register} first")
                : Refuse(VerifierVerdict.CannotProve, $"r{register} holds different kinds of value on different paths", "keep one kind of value in one variable");
        }

        return value;
    }

    private Scalar UseNumber(int register, string purpose)
    {
        var value = Use(register);
        return value.Kind == RegisterKind.Scalar ? value.Value
            : throw Refuse(VerifierVerdict.Unsafe, $"r{register} is an address ({value}); {purpose} needs a number", "addresses must not be turned into numbers");
    }

    private void Set(int register, RegisterState value)
    {
        if (register == 10)
        {
            throw Refuse(VerifierVerdict.Unsafe, "r10 is the frame pointer and cannot be written", "use another register");
        }

        _state[register] = value;
    }

    private Exception Refuse(VerifierVerdict verdict, string reason, string advice) => Refusal(_slot, verdict, reason, advice, _state.ToString());

    private Exception RefuseAt(int slot, VerifierVerdict verdict, string reason, string advice) => Refusal(slot, verdict, reason, advice, string.Empty);

    private VerificationException Refusal(int slot, VerifierVerdict verdict, string reason, string advice, string registers) =>
        new(new VerifierReport(
            verdict, slot, _program[slot].ToString(), reason, advice, slot < _input.SourceLines.Length ? _input.SourceLines[slot] : null, registers));
}
