using System.Collections.Frozen;

namespace Oko.Bpf.Helpers;

/// <summary>A numbering of helpers. Immutable; any thread.</summary>
/// <remarks>Linux' numbering goes with BTF <c>.maps</c> definitions; Oko's with objects that define maps by its
/// 20-byte structures. Oko's update has no flags argument, and its number 6 is another helper than Linux'.</remarks>
public sealed class HelperTable
{
    private readonly FrozenDictionary<int, HelperPrototype> _byNumber;

    private HelperTable(string name, params HelperPrototype[] prototypes)
    {
        Name = name;
        Prototypes = prototypes;
        _byNumber = prototypes.ToFrozenDictionary(prototype => prototype.Number);
    }

    /// <summary>Linux' numbers (<c>enum bpf_func_id</c>).</summary>
    public static HelperTable Linux { get; } = new(
        "Linux",
        new(1, HelperId.MapLookup, "bpf_map_lookup_elem", [HelperArgument.Map, HelperArgument.MapKey], HelperResult.MapValueOrNull),
        new(2, HelperId.MapUpdate, "bpf_map_update_elem",
            [HelperArgument.Map, HelperArgument.MapKey, HelperArgument.MapValue, HelperArgument.Number], HelperResult.Number),
        new(3, HelperId.MapDelete, "bpf_map_delete_elem", [HelperArgument.Map, HelperArgument.MapKey], HelperResult.Number),
        new(5, HelperId.KtimeGetNs, "bpf_ktime_get_ns", [], HelperResult.Number),
        // r3 to r5 are what the format asks for; a program that sets fewer prints whatever numbers they hold.
        new(6, HelperId.TracePrintk, "bpf_trace_printk", [HelperArgument.Memory, HelperArgument.MemorySize], HelperResult.Number),
        new(7, HelperId.GetPrandomU32, "bpf_get_prandom_u32", [], HelperResult.Number),
        new(8, HelperId.GetSmpProcessorId, "bpf_get_smp_processor_id", [], HelperResult.Number),
        new(28, HelperId.CsumDiff, "bpf_csum_diff",
            [HelperArgument.MemoryOrNull, HelperArgument.MemorySize, HelperArgument.MemoryOrNull, HelperArgument.MemorySize, HelperArgument.Number],
            HelperResult.Number),
        new(87, HelperId.MapPush, "bpf_map_push_elem", [HelperArgument.Map, HelperArgument.MapValue, HelperArgument.Number], HelperResult.Number),
        new(88, HelperId.MapPop, "bpf_map_pop_elem", [HelperArgument.Map, HelperArgument.MapValueOut], HelperResult.Number),
        new(89, HelperId.MapPeek, "bpf_map_peek_elem", [HelperArgument.Map, HelperArgument.MapValueOut], HelperResult.Number),
        new(118, HelperId.Jiffies64, "bpf_jiffies64", [], HelperResult.Number),
        new(130, HelperId.RingBufferOutput, "bpf_ringbuf_output",
            [HelperArgument.Map, HelperArgument.Memory, HelperArgument.MemorySize, HelperArgument.Number], HelperResult.Number),
        new(131, HelperId.RingBufferReserve, "bpf_ringbuf_reserve",
            [HelperArgument.Map, HelperArgument.Constant, HelperArgument.Number], HelperResult.RingRecordOrNull),
        new(132, HelperId.RingBufferSubmit, "bpf_ringbuf_submit", [HelperArgument.RingRecord, HelperArgument.Number], HelperResult.None),
        new(133, HelperId.RingBufferDiscard, "bpf_ringbuf_discard", [HelperArgument.RingRecord, HelperArgument.Number], HelperResult.None),
        new(134, HelperId.RingBufferQuery, "bpf_ringbuf_query", [HelperArgument.Map, HelperArgument.Number], HelperResult.Number),
        new(164, HelperId.ForEachMapElem, "bpf_for_each_map_elem",
            [HelperArgument.Map, HelperArgument.Callback, HelperArgument.CallbackContext, HelperArgument.Number], HelperResult.Number),
        new(181, HelperId.Loop, "bpf_loop",
            [HelperArgument.Number, HelperArgument.Callback, HelperArgument.CallbackContext, HelperArgument.Number], HelperResult.Number),
        new(182, HelperId.StringCompare, "bpf_strncmp",
            [HelperArgument.Memory, HelperArgument.MemorySize, HelperArgument.ConstantString], HelperResult.Number));

    /// <summary>The numbers of Oko's original programs.</summary>
    public static HelperTable Oko { get; } = new(
        "Oko",
        new(1, HelperId.MapLookup, "ubpf_map_lookup", [HelperArgument.Map, HelperArgument.MapKey], HelperResult.MapValueOrNull),
        new(2, HelperId.MapUpdate, "ubpf_map_update",
            [HelperArgument.Map, HelperArgument.MapKey, HelperArgument.MapValue], HelperResult.Number),
        new(3, HelperId.MapDelete, "ubpf_map_delete", [HelperArgument.Map, HelperArgument.MapKey], HelperResult.Number),
        new(4, HelperId.OkoMapAdd, "ubpf_map_add", [HelperArgument.Map, HelperArgument.MapKey], HelperResult.Number),
        new(5, HelperId.KtimeGetNs, "ubpf_time_get_ns", [], HelperResult.Number),
        new(6, HelperId.OkoHash, "ubpf_hash", [HelperArgument.Memory, HelperArgument.MemorySize], HelperResult.Number),
        // What the format asks for comes behind it, in r2 to r4.
        new(7, HelperId.OkoPrintf, "ubpf_printf", [HelperArgument.ConstantString], HelperResult.Number));

    /// <summary>Name of the numbering, for messages.</summary>
    public string Name { get; }

    /// <summary>All helpers of this numbering, by rising number.</summary>
    public IReadOnlyList<HelperPrototype> Prototypes { get; }

    /// <summary>The numbering a program uses.</summary>
    /// <param name="okoHelpers">See <see cref="Loading.VerifiedProgram.OkoHelpers"/>.</param>
    public static HelperTable For(bool okoHelpers) => okoHelpers ? Oko : Linux;

    /// <summary>The helper with a number, or null when this numbering has none.</summary>
    public HelperPrototype? Find(int number) => _byNumber.GetValueOrDefault(number);
}
