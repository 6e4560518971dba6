namespace Oko.Agent.Rules;

/// <summary>
/// What several changes did to the rules, so that they can be undone together. Closed, as it is but for bundles, it costs nothing.
/// Control thread only.
/// </summary>
internal sealed class ChangeJournal
{
    private readonly Stack<Action> _inverses = new();
    private readonly List<Action> _effects = [];

    /// <summary>Whether changes must note how they are undone.</summary>
    public bool IsOpen { get; private set; }

    /// <summary>Changes are noted from now on.</summary>
    public void Open() => IsOpen = true;

    /// <summary>Notes how the change that comes next, or was just made, is undone; nothing while the journal is closed.</summary>
    public void NoteInverse(Action inverse)
    {
        if (IsOpen)
        {
            _inverses.Push(inverse);
        }
    }

    /// <summary>Does what cannot be undone: at once, or with an open journal when all changes have succeeded.</summary>
    public void WhenKept(Action effect)
    {
        if (IsOpen)
        {
            _effects.Add(effect);
        }
        else
        {
            effect();
        }
    }

    /// <summary>Undoes what was noted, the last first.</summary>
    public void RollBack()
    {
        IsOpen = false;
        _effects.Clear();
        while (_inverses.TryPop(out var inverse))
        {
            inverse();
        }
    }

    /// <summary>The changes stay; what waited for that happens.</summary>
    public void Keep()
    {
        IsOpen = false;
        _inverses.Clear();
        foreach (var effect in _effects)
        {
            effect();
        }

        _effects.Clear();
    }
}
