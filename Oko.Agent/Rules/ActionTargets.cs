using Oko.Datapath.Groups;
using Oko.Datapath.Meters;

namespace Oko.Agent.Rules;

/// <summary>What actions and instructions name by number. Control thread only.</summary>
/// <param name="FindGroup">The group of a number, or null.</param>
/// <param name="FindMeter">The meter of a number, or null.</param>
/// <param name="HasQueue">Whether a port has a queue of that number.</param>
internal sealed record ActionTargets(Func<uint, Group?> FindGroup, Func<uint, Meter?> FindMeter, Func<uint, bool> HasQueue);
