using System.Collections.Immutable;

namespace Oko.Agent.Configuration;

/// <summary>The options are wrong; holds every fault that was found, so that people mend them in one go.</summary>
public sealed class ConfigurationException(ImmutableArray<string> faults)
    : Exception(string.Join('\n', faults))
{
    /// <summary>Makes an exception with one fault.</summary>
    public ConfigurationException(string fault)
        : this([fault])
    {
    }

    /// <summary>One text each: what, where, allowed, next step.</summary>
    public ImmutableArray<string> Faults { get; } = faults;
}
