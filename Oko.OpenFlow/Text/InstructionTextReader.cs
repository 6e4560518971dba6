using System.Collections.Immutable;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Text;

/// <summary>
/// Reads what stands after <c>actions=</c>: actions to apply and instructions, in the order in which a switch executes them
/// (meter, apply, clear, write, metadata, goto), which <c>ovs-ofctl</c> demands too. For one flow, one thread.
/// </summary>
internal sealed class InstructionTextReader(MatchTextReader match)
{
    private const string Order = "meter, actions to apply, clear_actions, write_actions, write_metadata, goto_table";

    private readonly ActionTextReader _apply = new(match);
    private readonly List<Instruction> _instructions = [];
    private int _step;
    private bool _explicitApply;

    /// <summary>Reads all.</summary>
    /// <exception cref="FormatException">An unknown word, a wrong value, or instructions out of order.</exception>
    public ImmutableArray<Instruction> Read(string text)
    {
        var tokens = new TextTokenizer(text);
        var isEmpty = true;
        while (tokens.TryRead(out var token))
        {
            Read(token);
            isEmpty = false;
        }

        if (isEmpty)
        {
            throw new FormatException("nothing stands after actions=; write drop for no action");
        }

        if (!_apply.Actions.IsEmpty)
        {
            var meters = _instructions.Count(instruction => instruction is MeterInstruction);
            _instructions.Insert(meters, new ApplyActionsInstruction(_apply.Actions));
        }

        return [.. _instructions];
    }

    private void Read(TextToken token)
    {
        switch (token.Key)
        {
            case "meter":
                Add(1, token, new MeterInstruction(new MeterId((uint)NumberText.Parse("meter", token.RequireValue("meter:1"), uint.MaxValue))));
                break;
            case "apply_actions":
                Step(2, token.Key);
                _explicitApply = _apply.IsEmpty || _explicitApply
                    ? true
                    : throw new FormatException("apply_actions(...) stands beside actions that are applied anyway; put all of them inside or none");
                ReadApplied(token.Value ?? string.Empty);
                break;
            case "clear_actions":
                Add(3, token, new ClearActionsInstruction());
                break;
            case "write_actions":
                Step(4, token.Key);
                var written = ActionTextReader.ReadList(token.Value ?? string.Empty, match);
                if (!written.IsEmpty)
                {
                    _instructions.Add(new WriteActionsInstruction(written));
                }

                break;
            case "write_metadata":
                var (value, mask) = NumberText.ParseMasked64("write_metadata", token.RequireValue("write_metadata:0x10/0xff"));
                Add(5, token, new WriteMetadataInstruction(value, mask ?? ulong.MaxValue));
                break;
            case "goto_table":
                Add(6, token, new GotoTableInstruction(new TableId((byte)NumberText.Parse("goto_table", token.RequireValue("goto_table:1"), 254))));
                break;
            default:
                Step(2, token.Key);
                if (_explicitApply)
                {
                    throw new FormatException($"{token.Key} stands beside apply_actions(...); put all actions inside or none");
                }

                _apply.Read(token);
                break;
        }
    }

    private void ReadApplied(string text)
    {
        var tokens = new TextTokenizer(text);
        while (tokens.TryRead(out var token))
        {
            _apply.Read(token);
        }
    }

    private void Add(int step, TextToken token, Instruction instruction)
    {
        Step(step, token.Key);
        _instructions.Add(instruction);
    }

    private void Step(int step, string name)
    {
        if (step < _step || (step == _step && step != 2))
        {
            throw new FormatException($"{name} stands too late or twice; the order is {Order}");
        }

        _step = step;
    }
}
