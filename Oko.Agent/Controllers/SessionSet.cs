namespace Oko.Agent.Controllers;

/// <summary>The open sessions. Changed on the control thread, read on any.</summary>
internal sealed class SessionSet
{
    private volatile ControllerSession[] _current = [];

    /// <summary>The sessions at this moment; the array does not change.</summary>
    public IReadOnlyList<ControllerSession> Current => _current;

    /// <summary>Adds a session.</summary>
    public void Add(ControllerSession session) => _current = [.. _current, session];

    /// <summary>Removes a session.</summary>
    public void Remove(ControllerSession session) => _current = [.. _current.Where(other => other != session)];
}
