using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Oko.Datapath.Pipeline;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Wire;

namespace Oko.Agent.Rules;

/// <summary>Translates instructions (<see cref="InstructionTranslator"/>) and remembers the last ones: many entries have the same, and the codec
/// hands in the same array for them. Control thread only.</summary>
internal sealed class TranslatedInstructions(int tableCount, ActionTargets targets)
{
    private const int PlaceCount = 64;

    private readonly Place[] _places = new Place[PlaceCount];

    /// <inheritdoc cref="InstructionTranslator.Translate"/>
    /// <exception cref="OpenFlowErrorException">BadInstruction or BadAction with the code that fits.</exception>
    public InstructionSet Translate(ImmutableArray<Instruction> instructions, byte tableId)
    {
        ref var place = ref _places[(uint)RuntimeHelpers.GetHashCode(ImmutableCollectionsMarshal.AsArray(instructions)) % PlaceCount];
        if (place.Source == instructions && place.TableId == tableId && place.Set is { } known)
        {
            return known;
        }

        var set = InstructionTranslator.Translate(instructions, tableId, tableCount, targets);
        if (set.Meter is null && DependOnNothingElse(set.Apply) && DependOnNothingElse(set.Write))
        {
            place = new Place(instructions, tableId, set);
        }

        return set;
    }

    /// <summary>Groups and queues come and go.</summary>
    private static bool DependOnNothingElse(ImmutableArray<DatapathAction> actions)
    {
        foreach (ref readonly var action in actions.AsSpan())
        {
            if (action.Kind is ActionKind.Group or ActionKind.SetQueue)
            {
                return false;
            }
        }

        return true;
    }

    private readonly record struct Place(ImmutableArray<Instruction> Source, byte TableId, InstructionSet? Set);
}
