using Oko.Bpf.Maps;

namespace Oko.Bpf.Execution;

// SAFETY: the map is one of the program's; the cursor stands in the interpreter's frame and does not move during the run.

/// <summary>A helper of the interpreter that is calling a function of the program: how far it is. One per frame that can be called.</summary>
internal unsafe struct Repetition
{
    /// <summary>Where it is in the map.</summary>
    public MapCursor Cursor;

    private MapHeader* _map;
    private ulong _rounds;
    private ulong _done;
    private ulong _context;
    private uint _worker;

    /// <summary>Whether the function of this frame is a callback.</summary>
    public bool IsActive { get; private set; }

    /// <summary>The callback's first slot.</summary>
    public int Callback { get; private set; }

    /// <summary>How many arguments the callback gets.</summary>
    public readonly int Arguments => _map == null ? 2 : 4;

    /// <summary>Bytes of the key in the cursor.</summary>
    public readonly uint KeySize => _map == null ? 0 : _map->KeySize;

    /// <summary>Looks at the arguments of the helper.</summary>
    /// <returns>The helper's result if there is no round, see <see cref="IsActive"/>.</returns>
    public ulong Start(Operation* operation, uint worker, ulong* registers)
    {
        this = default;
        _worker = worker;
        if (registers[4] != 0)
        {
            return unchecked((ulong)MapErrno.Invalid);
        }

        if (operation->Kind == OperationKind.ForEach)
        {
            _map = (MapHeader*)registers[1];
            _rounds = _map->MaxEntries;
        }
        else
        {
            _rounds = (uint)registers[1];
            if (_rounds > HelperFunctions.MaxLoops)
            {
                return unchecked((ulong)MapErrno.Full);
            }
        }

        _context = registers[3];
        Callback = operation->Offset;
        IsActive = HasRound();
        return 0;
    }

    /// <summary>A round is over, with the callback's result in r0. Leaves the helper's result there when it was the last.</summary>
    public bool GoesOn(ulong* registers)
    {
        _done++;
        IsActive = registers[0] == 0 && HasRound();
        registers[0] = IsActive ? 0 : _done;
        return IsActive;
    }

    /// <summary>Puts the callback's arguments in r1 to r4.</summary>
    public readonly void SetArguments(ulong* registers)
    {
        if (_map == null)
        {
            registers[1] = _done;
            registers[2] = _context;
            return;
        }

        registers[1] = (ulong)_map;
        registers[2] = (ulong)Cursor.Key;
        registers[3] = (ulong)Cursor.Value;
        registers[4] = _context;
    }

    private bool HasRound()
    {
        if (_done >= _rounds || _map == null)
        {
            return _done < _rounds;
        }

        fixed (MapCursor* cursor = &Cursor)
        {
            return MapOperations.Next(_map, cursor, _worker);
        }
    }
}
