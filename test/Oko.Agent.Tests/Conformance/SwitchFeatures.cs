using Oko.Agent.Tests.Controllers;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;
using Oko.Testing;

namespace Oko.Agent.Tests.Conformance;

/// <summary>What a running switch says that it lacks: names of <see cref="CoverageItems"/> and the error that answers whoever uses them
/// (capabilities: null).</summary>
internal static class SwitchFeatures
{
    /// <summary>Asks a switch for its features.</summary>
    public static async Task<Dictionary<string, string?>> ReadMissingAsync(ControllerSimulator controller)
    {
        var tables = (TableFeatures)(await controller.RequestAsync<MultipartReply>(new MultipartRequest(new TableFeatures([])))).Body;
        var properties = tables.Entries[0].Properties.ToDictionary(property => property.Type, property => property.Values);
        var groups = await controller.AskAsync<GroupFeaturesReply>(new MultipartRequest(new EmptyRequest(MultipartType.GroupFeatures)));
        var meters = await controller.AskAsync<MeterFeaturesReply>(new MultipartRequest(new EmptyRequest(MultipartType.MeterFeatures)));
        var features = await controller.RequestAsync<FeaturesReply>(new FeaturesRequest());

        var missing = new Dictionary<string, string?>();
        foreach (var field in OxmCatalogue.Basics)
        {
            Check(CoverageItems.MatchField(field), properties[TableFeatureType.Match].Any(header => NumberOf(header) == field.Number), "OFPBMC_BAD_FIELD");
            Check(CoverageItems.SetFieldOf(field), properties[TableFeatureType.ApplySetfield].Any(header => NumberOf(header) == field.Number), "OFPBAC_BAD_SET_TYPE");
        }

        CheckMembers<InstructionType>("OFPIT", type => properties[TableFeatureType.Instructions].Contains((uint)type), "OFPBIC_UNSUP_INST", "OFPBIC_BAD_EXPERIMENTER");
        CheckMembers<ActionType>(
            "OFPAT", type => properties[TableFeatureType.ApplyActions].Contains((uint)type), "OFPBAC_BAD_TYPE", "OFPBAC_BAD_EXPERIMENTER");
        CheckMembers<GroupType>("OFPGT", type => (groups.Types & (1u << (int)type)) != 0, "OFPGMFC_BAD_TYPE");
        CheckMembers<GroupCapabilities>("OFPGFC", bit => groups.Capabilities.HasFlag(bit), null);
        CheckMembers<MeterBandType>("OFPMBT", type => (int)type < 32 && (meters.BandTypes & (1u << (int)type)) != 0, "OFPMMFC_BAD_BAND", "OFPMMFC_BAD_BAND");
        CheckMembers<MeterFlags>("OFPMF", bit => meters.Capabilities.HasFlag(bit), "OFPMMFC_BAD_FLAGS");
        CheckMembers<Capabilities>("OFPC", bit => features.Capabilities.HasFlag(bit), null);
        return missing;

        void Check(string name, bool isThere, string? error)
        {
            if (!isThere)
            {
                missing.Add(name, error);
            }
        }

        void CheckMembers<T>(string prefix, Func<T, bool> isThere, string? error, string? errorOfExperimenter = null)
            where T : struct, Enum
        {
            foreach (var member in Enum.GetValues<T>())
            {
                var name = member.ToString();
                if (name != "None")
                {
                    Check(CoverageItems.Name(prefix, name), isThere(member), name == "Experimenter" ? errorOfExperimenter : error);
                }
            }
        }
    }

    /// <summary>Number of the field in an OXM header.</summary>
    private static uint NumberOf(uint header) => (header >> 9) & 0x7F;
}
