namespace Oko.Agent.Rules;

/// <summary>Who uses a thing, by the thing's number. Control thread only.</summary>
internal sealed class UserIndex<T>
{
    private readonly Dictionary<uint, HashSet<T>> _users = [];

    public void Add(uint id, T user)
    {
        if (!_users.TryGetValue(id, out var users))
        {
            _users[id] = users = [];
        }

        users.Add(user);
    }

    public void Remove(uint id, T user)
    {
        if (_users.TryGetValue(id, out var users) && users.Remove(user) && users.Count == 0)
        {
            _users.Remove(id);
        }
    }

    /// <summary>How many use it.</summary>
    public int CountOf(uint id) => _users.TryGetValue(id, out var users) ? users.Count : 0;

    /// <summary>A copy of the list of those that use it.</summary>
    public T[] UsersOf(uint id) => _users.TryGetValue(id, out var users) ? [.. users] : [];
}
