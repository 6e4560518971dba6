namespace Oko.Bpf.Maps;

/// <summary>Map types, with Linux' numbers (<c>enum bpf_map_type</c>). Append-only: the numbers go over the wire.</summary>
/// <remarks><c>BpfMap.IsSupported</c> says which of them can be created.</remarks>
public enum MapType : uint
{
    /// <summary><c>BPF_MAP_TYPE_UNSPEC</c>.</summary>
    Unspecified = 0,

    /// <summary><c>BPF_MAP_TYPE_HASH</c>.</summary>
    Hash = 1,

    /// <summary><c>BPF_MAP_TYPE_ARRAY</c>.</summary>
    Array = 2,

    /// <summary><c>BPF_MAP_TYPE_PERCPU_HASH</c>.</summary>
    PerCpuHash = 5,

    /// <summary><c>BPF_MAP_TYPE_PERCPU_ARRAY</c>.</summary>
    PerCpuArray = 6,

    /// <summary><c>BPF_MAP_TYPE_LRU_HASH</c>.</summary>
    LruHash = 9,

    /// <summary><c>BPF_MAP_TYPE_LPM_TRIE</c>.</summary>
    LpmTrie = 11,

    /// <summary><c>BPF_MAP_TYPE_QUEUE</c>.</summary>
    Queue = 22,

    /// <summary><c>BPF_MAP_TYPE_STACK</c>.</summary>
    Stack = 23,

    /// <summary><c>BPF_MAP_TYPE_RINGBUF</c>.</summary>
    RingBuffer = 27,

    /// <summary><c>BPF_MAP_TYPE_BLOOM_FILTER</c>.</summary>
    BloomFilter = 30,

    /// <summary>Count-min sketch; ours, Linux has none.</summary>
    CountMinSketch = 0x4F4B0001,

    /// <summary>Bloom filter with keys, as Oko's programs ask it: the value of a key is 1 if it may have been added, else 0; ours, Linux
    /// has none.</summary>
    KeyedBloomFilter = 0x4F4B0002,
}
