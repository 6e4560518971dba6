using System.Collections.Frozen;

namespace Oko.Bpf.Loading;

/// <summary>The map types of Linux that a filter has no use for or does not have, with what to take instead. Source: Linux,
/// include/uapi/linux/bpf.h, <c>enum bpf_map_type</c>.</summary>
internal static class UnsupportedMaps
{
    private const string NoTailCalls = "call functions of the program instead of tail calls";
    private const string NoInnerMaps = "use one map per purpose, or a wider key";
    private const string NoRedirection = "a filter only matches; the actions of its flow entry decide where packets go";
    private const string NoKernelObjects = "a filter sees no sockets, tasks or groups; use BPF_MAP_TYPE_HASH";

    private static readonly FrozenDictionary<uint, (string Name, string Instead)> Types = new Dictionary<uint, (string, string)>
    {
        [3] = ("PROG_ARRAY", NoTailCalls),
        [4] = ("PERF_EVENT_ARRAY", "use BPF_MAP_TYPE_RINGBUF"),
        [7] = ("STACK_TRACE", NoKernelObjects),
        [8] = ("CGROUP_ARRAY", NoKernelObjects),
        [10] = ("LRU_PERCPU_HASH", "use BPF_MAP_TYPE_LRU_HASH or BPF_MAP_TYPE_PERCPU_HASH"),
        [12] = ("ARRAY_OF_MAPS", NoInnerMaps),
        [13] = ("HASH_OF_MAPS", NoInnerMaps),
        [14] = ("DEVMAP", NoRedirection),
        [15] = ("SOCKMAP", NoRedirection),
        [16] = ("CPUMAP", NoRedirection),
        [17] = ("XSKMAP", NoRedirection),
        [18] = ("SOCKHASH", NoRedirection),
        [19] = ("CGROUP_STORAGE", NoKernelObjects),
        [20] = ("REUSEPORT_SOCKARRAY", NoKernelObjects),
        [21] = ("PERCPU_CGROUP_STORAGE", NoKernelObjects),
        [24] = ("SK_STORAGE", NoKernelObjects),
        [25] = ("DEVMAP_HASH", NoRedirection),
        [26] = ("STRUCT_OPS", NoKernelObjects),
        [28] = ("INODE_STORAGE", NoKernelObjects),
        [29] = ("TASK_STORAGE", NoKernelObjects),
        [31] = ("USER_RINGBUF", "let the controller write to a map (oko map update)"),
        [32] = ("CGRP_STORAGE", NoKernelObjects),
        [33] = ("ARENA", "use BPF_MAP_TYPE_ARRAY"),
    }.ToFrozenDictionary();

    /// <summary>What to say about a map of such a type; null for others.</summary>
    internal static string? Find(MapSpec spec) => Types.TryGetValue((uint)spec.Type, out var type)
        ? $"map {spec.Name} is a BPF_MAP_TYPE_{type.Name}, which is not supported; {type.Instead}" : null;
}
