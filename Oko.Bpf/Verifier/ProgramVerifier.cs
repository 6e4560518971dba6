using System.Collections.Immutable;
using Oko.Bpf.Execution;
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
// The method is abstract interpretation over the control-flow graph: each instruction is looked at in a state that stands for all
// executions that reach it, and states are joined where paths meet. The cost is near linear in the size of the program, where a
// verifier that follows each path doubles it with each branch. The price is precision: what holds on one path only is forgotten at
// the join.
//
// Loops are unrolled, but only in the analysis, and only along the one joined path: the instructions of a loop are gone through again
// for as long as a jump back to its head is possible (LoopOrder says in which order). A loop with a counter ends when the counter's
// value decides the branch; each round keeps its own precision; and the number of instructions comes out as a count carried in the
// state. A loop that could run on reaches the limit of the count, and is refused. Functions are gone through at each call, in the
// state of that call, with a frame of their own.
//
// A number is a set: an unsigned range, a signed range and known bits (Scalar). An address is a region, a constant offset and a
// variable part. For packet addresses the variable part has an identity, and the state says how many bytes are proven to exist behind
// "start + variable part": learnt from a comparison with the packet's end (or of its length), true for every address with the
// same variable part. Branches refine both sides; a side that no value can take is not walked and counts as unreachable.
//
// What is learnt about an instruction in several visits (which map a call uses, which side of a branch is ever taken, which bytes of
// the stack it accesses) is gathered over all of them. What this verifier cannot follow it refuses as "cannot prove", never accepts.
//
// Not done here: proof that a program does what its author means; bounds on the time of a map operation (the maps are built so
// that they are bounded); refinement by map contents, except of read-only data.

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

    /// <summary>Initial values of data sections, by map index; what a read-only one holds is known.</summary>
    public ImmutableDictionary<int, byte[]> InitialValues { get; init; } = ImmutableDictionary<int, byte[]>.Empty;

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
    // Joining this many values takes about as long as looking at an instruction.
    private const int ValuesPerStep = 8;

    private readonly VerifierInput _input;
    private readonly Instruction[] _program;
    private readonly Instruction[] _result;
    private readonly HelperTable _helpers;
    private readonly AbstractState?[] _states;
    private readonly bool[] _reachable;
    private readonly bool[] _taken;
    private readonly bool[] _fallen;
    private readonly int[] _cameFrom;
    private readonly int[] _mapAtCall;
    private readonly int[] _callbackAtCall;
    private readonly Instruction?[] _accesses;
    private readonly Dictionary<int, LoopOrder> _orders = [];
    private StackUse _stack = new(0, []);
    private int _lastId;
    private int _pending;
    private int _steps;
    private int _stackBytes;
    private int _slot;
    private long _worst;
    private AbstractState? _returned;
    private AbstractState _state = new();

    private ProgramVerifier(VerifierInput input)
    {
        var slots = input.Instructions.Length;
        _input = input;
        _program = input.Instructions;
        _result = [.. input.Instructions];
        _helpers = HelperTable.For(input.OkoHelpers);
        _states = new AbstractState?[slots];
        _reachable = new bool[slots];
        _taken = new bool[slots];
        _fallen = new bool[slots];
        _cameFrom = new int[slots];
        _mapAtCall = new int[slots];
        _callbackAtCall = new int[slots];
        _accesses = new Instruction?[slots];
        Array.Fill(_cameFrom, -1);
        Array.Fill(_mapAtCall, Unvisited);
        Array.Fill(_callbackAtCall, -1);
    }

    // A call that was not looked at yet.
    private const int Unvisited = -2;

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

        StructuralChecks.CheckInstructions(_program, _input.Maps, RefuseAt);
        var functions = StructuralChecks.FindFunctions(_program, RefuseAt);
        foreach (var function in functions)
        {
            _orders[function] = LoopOrder.Of(_program, function, (slot, reason, advice) => RefuseAt(slot, VerifierVerdict.CannotProve, reason, advice));
        }

        _stack = new StackUse(_program.Length, functions);
        _state = EntryState();
        _ = Execute(0, _state);
        DecideBranches();
        return new VerifiedProgram
        {
            Name = _input.Name, Instructions = _result, Convention = _input.Convention, Reachable = _reachable, WorstCaseInstructions = (int)_worst,
            StackBytes = _stackBytes, MapAtCall = [.. _mapAtCall.Select(map => Math.Max(map, -1))], Maps = _input.Maps, OkoHelpers = _input.OkoHelpers,
            FunctionStarts = [.. functions.Where(function => _reachable[function])], CallbackAtCall = _callbackAtCall, Stack = _stack.ToFacts(),
            InitialValues = _input.InitialValues,
        };
    }

    private AbstractState EntryState()
    {
        var state = new AbstractState();
        state.Enter(0);
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

    /// <summary>Goes through a function, whose frame the state has already.</summary>
    /// <returns>What holds when it returns; null if it never does.</returns>
    private AbstractState? Execute(int function, AbstractState entry)
    {
        var outer = _returned;
        _returned = null;
        _states[function] = entry;
        _pending++;
        var order = _orders[function];
        Sweep(order, 0, order.Slots.Length);
        var returned = _returned;
        _returned = outer;
        return returned;
    }

    private void Sweep(LoopOrder order, int from, int to)
    {
        for (var place = from; place < to;)
        {
            var slot = order.Slots[place];
            var end = order.LoopEnd(place);
            if (end == 0)
            {
                Visit(slot);
                place++;
                continue;
            }

            do
            {
                Visit(slot);
                Sweep(order, place + 1, end);
            }
            while (_states[slot] is not null);
            place = end;
        }
    }

    private void Visit(int slot)
    {
        if (_states[slot] is not { } state)
        {
            return;                             // on no path that can be taken, this time
        }

        _slot = slot;
        _state = state;
        _states[slot] = null;
        _pending--;
        _reachable[slot] = true;
        if (_program[slot].IsWide)
        {
            _reachable[slot + 1] = true;
        }

        CountInstruction();
        Step(_program[slot]);
    }

    private void CountInstruction()
    {
        _worst = Math.Max(_worst, ++_state.Count);
        if (_state.Count > _input.Limits.MaxWorstCase)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"more than {_input.Limits.MaxWorstCase} instructions may run; a loop here may not end, or not soon enough",
                "give loops a small constant bound that does not depend on the packet or a map");
        }

        CountSteps(1);
    }

    private void CountSteps(int steps)
    {
        _steps += steps;
        if (_steps > _input.Limits.MaxSteps)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"the proof takes more than {_input.Limits.MaxSteps} steps", "use fewer rounds, or fewer branches and calls inside loops");
        }
    }

    private RegisterState Length() => new(RegisterKind.Scalar, Scalar.Range(0, FilterContext.MaxPacketBytes), Id: FreshId(), Tail: 0);

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

        Flow(_slot, _slot + instruction.Slots, _state);
    }

    /// <summary>Control goes on at a slot in a state, which then belongs to that slot.</summary>
    private void Flow(int from, int target, AbstractState state)
    {
        if (_cameFrom[target] < 0 && target != 0)
        {
            _cameFrom[target] = from;
        }

        if (_states[target] is { } other)
        {
            _states[target] = Join(other, state);
        }
        else if (++_pending > _input.Limits.MaxPendingStates)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"more than {_input.Limits.MaxPendingStates} jump targets wait to be visited", "let branches meet earlier");
        }
        else
        {
            _states[target] = state;
        }
    }

    /// <summary>What holds on both paths, which must have the same records reserved.</summary>
    private AbstractState Join(AbstractState one, AbstractState other)
    {
        CheckRecords(one, other);
        var joined = AbstractState.Join(one, other, FreshId, out var values);
        CountSteps(values / ValuesPerStep);
        return joined;
    }

    private void CheckRecords(AbstractState one, AbstractState other)
    {
        if (!one.HasSameRecords(other))
        {
            var slot = one.Records.Concat(other.Records).First(record => !one.Records.ContainsKey(record.Key) || !other.Records.ContainsKey(record.Key)).Value;
            throw Refuse(VerifierVerdict.CannotProve, $"the record reserved at {slot} was given back on one path to here only", "submit or discard it on every path before they meet");
        }
    }

    /// <summary>Branches that went one way on all visits become jumps, and calls that never return an end, so that no instruction leads to an
    /// unreachable one.</summary>
    private void DecideBranches()
    {
        for (var slot = 0; slot < _program.Length; slot++)
        {
            if (_reachable[slot] && _program[slot].IsConditionalJump && !(_taken[slot] && _fallen[slot]))
            {
                // If neither side can be, nothing gets here, and anything that leads nowhere will do.
                _result[slot] = _taken[slot] ? new Instruction(Opcode.JumpAlways, 0, 0, _program[slot].Offset, 0)
                    : new Instruction(_fallen[slot] ? Opcode.JumpAlways : Opcode.Exit, 0, 0, 0, 0);
            }
            else if (_reachable[slot] && _program[slot].IsCall && !_fallen[slot])
            {
                // No value gets through the function, so none gets here.
                _result[slot] = new Instruction(Opcode.Exit, 0, 0, 0, 0);
            }
        }
    }

    private RegisterState Use(int register)
    {
        var value = _state[register];
        if (!value.IsReadable)
        {
            throw value.Kind == RegisterKind.Uninitialised
                ? Refuse(VerifierVerdict.Unsafe, $"r{register} is read but was not written on every path (calls leave r1 to r5 unwritten, and a ring buffer record is gone once it is given back)", $"set r{register} first")
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
        new(new VerifierReport(verdict, slot, _program[slot].ToString(), reason, advice, SourceLine(slot), registers)
        {
            Slice = FailureSlice.Of(_program, slot, _cameFrom).Select(step => (step, _program[step].ToString(), SourceLine(step))).ToImmutableArray(),
        });

    private string? SourceLine(int slot) => slot < _input.SourceLines.Length ? _input.SourceLines[slot] : null;
}
