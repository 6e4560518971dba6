using System.Collections.Frozen;

namespace Oko.Bpf.Helpers;

/// <summary>A numbering of helpers. Immutable; any thread.</summary>
/// <remarks>Linux' numbering goes with BTF <c>.maps</c> definitions; Oko's with objects that define maps by its
/// 20-byte structures. They differ in one point for the helpers offered here: Oko's update has no flags argument.</remarks>
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
        new(5, HelperId.KtimeGetNs, "bpf_ktime_get_ns", [], HelperResult.Number));

    /// <summary>The numbers of Oko's original programs.</summary>
    public static HelperTable Oko { get; } = new(
        "Oko",
        new(1, HelperId.MapLookup, "ubpf_map_lookup", [HelperArgument.Map, HelperArgument.MapKey], HelperResult.MapValueOrNull),
        new(2, HelperId.MapUpdate, "ubpf_map_update",
            [HelperArgument.Map, HelperArgument.MapKey, HelperArgument.MapValue], HelperResult.Number),
        new(3, HelperId.MapDelete, "ubpf_map_delete", [HelperArgument.Map, HelperArgument.MapKey], HelperResult.Number),
        new(5, HelperId.KtimeGetNs, "ubpf_time_get_ns", [], HelperResult.Number));

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
