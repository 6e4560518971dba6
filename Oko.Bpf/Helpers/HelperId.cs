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

    /// <summary><c>bpf_trace_printk(format, size, ...)</c>: a line for the log, with up to three arguments; its size or a negative errno.</summary>
    TracePrintk = 6,

    /// <summary><c>bpf_get_prandom_u32()</c>: a pseudo-random number of 32 bits.</summary>
    GetPrandomU32 = 7,

    /// <summary><c>bpf_get_smp_processor_id()</c>: number of the worker that runs the program, from 0.</summary>
    GetSmpProcessorId = 8,

    /// <summary><c>bpf_csum_diff(from, from_size, to, to_size, seed)</c>: difference of two checksums, or a negative errno.</summary>
    CsumDiff = 28,

    /// <summary><c>bpf_map_push_elem(map, value, flags)</c>: 0 or a negative errno.</summary>
    MapPush = 87,

    /// <summary><c>bpf_map_pop_elem(map, value)</c>: 0 or a negative errno.</summary>
    MapPop = 88,

    /// <summary><c>bpf_map_peek_elem(map, value)</c>: 0 or a negative errno.</summary>
    MapPeek = 89,

    /// <summary><c>bpf_jiffies64()</c>: the clock of <see cref="KtimeGetNs"/> in units of 4 ms.</summary>
    Jiffies64 = 118,

    /// <summary><c>bpf_ringbuf_output(map, data, size, flags)</c>: 0 or a negative errno.</summary>
    RingBufferOutput = 130,

    /// <summary><c>bpf_ringbuf_reserve(map, size, flags)</c>: address of a record, or 0.</summary>
    RingBufferReserve = 131,

    /// <summary><c>bpf_ringbuf_submit(record, flags)</c>.</summary>
    RingBufferSubmit = 132,

    /// <summary><c>bpf_ringbuf_discard(record, flags)</c>.</summary>
    RingBufferDiscard = 133,

    /// <summary><c>bpf_ringbuf_query(map, flags)</c>: a number that the flags choose.</summary>
    RingBufferQuery = 134,

    /// <summary><c>bpf_for_each_map_elem(map, callback, context, flags)</c>: number of elements visited, or a negative errno.</summary>
    ForEachMapElem = 164,

    /// <summary><c>bpf_loop(count, callback, context, flags)</c>: number of rounds made, or a negative errno.</summary>
    Loop = 181,

    /// <summary><c>bpf_strncmp(s1, s1_size, s2)</c>: less than, equal to or greater than 0.</summary>
    StringCompare = 182,

    /// <summary>Oko's <c>ubpf_hash(pointer, size)</c>: a hash of 32 bits (lookup3 <c>hashlittle</c>, seed 0).</summary>
    OkoHash = 0x4F4B06,

    /// <summary>Oko's <c>ubpf_map_add(map, key)</c>: adds the key to a bloom filter, or 1 to its count in a sketch.</summary>
    OkoMapAdd = 0x4F4B04,

    /// <summary>Oko's <c>ubpf_printf(format, ...)</c>: a line for the log.</summary>
    OkoPrintf = 0x4F4B07,
}
