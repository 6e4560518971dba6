namespace Oko.Bpf.Maps;

/// <summary>What the controller's side of a map offers.</summary>
[Flags]
public enum MapAccess
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>The value of a key.</summary>
    Lookup = 1,

    /// <summary>Setting an entry; adding a value where the map has no keys.</summary>
    Update = 2,

    /// <summary>Removing an entry.</summary>
    Delete = 4,

    /// <summary>Removing all entries.</summary>
    Clear = 8,

    /// <summary>Listing all entries.</summary>
    Dump = 16,

    /// <summary>Taking records (<see cref="RingBufferMap"/>).</summary>
    Consume = 32,
}
