using Oko.Bpf.Helpers;
using Oko.Bpf.Isa;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Verifier;

/// <summary>Calls of the program's own functions, and callbacks.</summary>
public sealed partial class ProgramVerifier
{
    // Rounds of a callback that are looked at one by one; after that, what still changes counts as unknown.
    private const int PreciseRounds = 3, MostRounds = 12;

    /// <summary>A call.</summary>
    /// <returns>What holds behind it; null if it never returns.</returns>
    private AbstractState? Call(Instruction instruction)
    {
        if (instruction.IsHelperCall)
        {
            CallHelper(instruction);
            return _state;
        }

        if (!instruction.IsLocalCall)
        {
            throw Refuse(VerifierVerdict.NotSupported, "calls of kernel functions are not supported", "use a helper");
        }

        var after = Invoke((int)instruction.CallTarget(_slot), _state);
        if (after is not null && after[0].Kind == RegisterKind.Function)
        {
            throw Refuse(VerifierVerdict.NotSupported, "a function returns the address of a function", "pass functions to helpers only");
        }

        return after;
    }

    /// <summary>Goes through a function; r1 to r5 are its arguments. The state is used up.</summary>
    /// <returns>The caller's state behind the call; null if it never returns.</returns>
    private AbstractState? Invoke(int function, AbstractState state)
    {
        var slot = _slot;
        if (state.Depth + 1 == AbstractState.MaxFrames)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"functions call each other more than {AbstractState.MaxFrames} deep", "inline some of them: static __always_inline");
        }

        if (_cameFrom[function] < 0)
        {
            _cameFrom[function] = slot;
        }

        state.Enter(function);
        var returned = Execute(function, state);
        _slot = slot;
        if (returned is not null)
        {
            returned.Leave();
            _state = returned;
        }

        return returned;
    }

    /// <summary>A helper calls a function of the program up to so many times; each call sees what earlier ones left on the stack.</summary>
    /// <param name="function">First slot of the function.</param>
    /// <param name="rounds">Most calls.</param>
    /// <param name="arguments">Puts the arguments in r1 to r5.</param>
    private void Repeat(int function, ulong rounds, Action<AbstractState> arguments)
    {
        if (rounds > (ulong)_input.Limits.MaxWorstCase)
        {
            throw Refuse(VerifierVerdict.CannotProve, $"the callback may run {rounds} times, and more than {_input.Limits.MaxWorstCase} instructions are not allowed", "bound the number of rounds");
        }

        var slot = _slot;
        if (_callbackAtCall[slot] >= 0 && _callbackAtCall[slot] != function)
        {
            throw Refuse(VerifierVerdict.NotSupported, "one call has different callbacks on different paths", "call the helper twice");
        }

        _callbackAtCall[slot] = function;
        var before = _state;
        var count = before.Count;
        var longest = 0L;
        for (var round = 0; rounds > 0; round++)
        {
            var state = before.Copy();
            state.Count = count;
            arguments(state);
            var after = Invoke(function, state);
            if (after is null)
            {
                break;                          // it never returns from the first round
            }

            if (after[0].Kind != RegisterKind.Scalar)
            {
                throw Refuse(VerifierVerdict.Unsafe, $"a callback returns {after[0]}", "return 0 to go on, 1 to stop");
            }

            longest = Math.Max(longest, after.Count - count);
            for (var register = 0; register <= 5; register++)
            {
                after[register] = before[register];
            }

            var joined = Join(before, after);
            if (joined.SaysTheSame(before))
            {
                break;
            }

            if (round == MostRounds)
            {
                throw Refuse(VerifierVerdict.CannotProve, "what the callback does to the stack changes from round to round", "let it change numbers only");
            }

            before = round < PreciseRounds ? joined : Widened(before, joined);
        }

        _slot = slot;
        _state = before;
        _state.Count = count + ((long)rounds * (longest + 1));
        if (_state.Count > _input.Limits.MaxWorstCase)
        {
            throw Refuse(VerifierVerdict.CannotProve,
                $"the callback may run {rounds} times and {longest} instructions each time, more than {_input.Limits.MaxWorstCase} in all", "bound the number of rounds");
        }

        _worst = Math.Max(_worst, _state.Count);
    }

    /// <summary>Numbers on the stack that still change count as unknown, addresses as not written: they must not be read as numbers.</summary>
    private static AbstractState Widened(AbstractState before, AbstractState after)
    {
        for (var number = 0; number <= after.Depth; number++)
        {
            var changed = new List<StackFrameState.Spill>();
            foreach (ref readonly var spill in after.Frame(number).Spills)
            {
                if (before.Frame(number).SpillAt(spill.Offset, spill.Size) != spill.Value)
                {
                    changed.Add(spill);
                }
            }

            foreach (var spill in changed)
            {
                after.WritableFrame(number).Forget(spill.Offset, spill.Size);
            }
        }

        return after;
    }

    /// <summary>The function that a register holds.</summary>
    private int UseFunction(HelperPrototype helper, int register) => Use(register) is { Kind: RegisterKind.Function } function ? (int)function.Offset
        : throw Refuse(VerifierVerdict.Unsafe, $"r{register} must be a function for {helper.Name}, it is {_state[register]}", "pass the name of a static function");

    private RegisterState UseCallbackContext(HelperPrototype helper, int register)
    {
        var context = Use(register);
        return context.Kind is RegisterKind.Stack or RegisterKind.MapValue || context is { Kind: RegisterKind.Scalar, Value: { IsConstant: true, Min: 0 } } ? context
            : throw Refuse(VerifierVerdict.Unsafe, $"r{register} must be the address of a variable or 0 for {helper.Name}, it is {context}", "pass &variable or NULL");
    }

    /// <summary>The callbacks of <c>bpf_loop</c> and <c>bpf_for_each_map_elem</c>.</summary>
    private void RunCallback(HelperPrototype helper, int map)
    {
        var function = UseFunction(helper, 2);
        var context = UseCallbackContext(helper, 3);
        ulong rounds;
        if (helper.Id == HelperId.Loop)
        {
            rounds = UseNumber(1, helper.Name).Low32().Max;
            Repeat(function, rounds, state =>
            {
                Clear(state);
                state[1] = RegisterState.Number(Scalar.Range(0, rounds - 1));
                state[2] = context;
            });
        }
        else
        {
            if (_mapAtCall[_slot] != map)
            {
                throw Refuse(VerifierVerdict.NotSupported, "one call goes through different maps on different paths", "call the helper once for each map");
            }

            rounds = _input.Maps[map].MaxEntries;
            Repeat(function, rounds, state =>
            {
                Clear(state);
                state[1] = new RegisterState(RegisterKind.Map, default, Map: map);
                state[2] = new RegisterState(RegisterKind.MapKey, default, Map: map);
                state[3] = new RegisterState(RegisterKind.MapValue, default, Map: map);
                state[4] = context;
            });
        }

        Finish(RegisterState.Number(Scalar.Any));

        static void Clear(AbstractState state)
        {
            for (var register = 1; register <= 5; register++)
            {
                state[register] = RegisterState.Uninitialised;
            }
        }
    }
}
