namespace Oko.Bpf.Helpers;

/// <summary>The helper functions of this machine, under Linux' numbers (<c>enum bpf_func_id</c>). What number a program
/// uses depends on its numbering; <see cref="HelperTable"/> translates.</summary>
public enum HelperId
{
    /// <summary>No helper.</summary>
    None = 0,

    /// <summary><c>bpf_map_lookup_elem(map, key)</c>: address of the value, or 0.</summary>
    MapLookup = 1,

    /// <summary><c>bpf_map_update_elem(map, key, value, flags)</c>: 0 or a negative errno.</summary>
    MapUpdate = 2,

    /// <summary><c>bpf_map_delete_elem(map, key)</c>: 0 or a negative errno.</summary>
    MapDelete = 3,

    /// <summary><c>bpf_ktime_get_ns()</c>: monotonic nanoseconds, read once per batch of packets.</summary>
    KtimeGetNs = 5,
}
