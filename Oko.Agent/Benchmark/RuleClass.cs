namespace Oko.Agent.Benchmark;

/// <summary>A kind of rule set that <see cref="RuleGenerator"/> makes.</summary>
public enum RuleClass
{
    /// <summary>Like access control lists: long destination prefixes, mostly exact destination ports.</summary>
    Acl,

    /// <summary>Like firewalls: many wildcards and short prefixes, port ranges.</summary>
    Fw,

    /// <summary>Like the rules of Linux' ipchains: a mix of both.</summary>
    Ipc,

    /// <summary>Each rule names addresses, protocol and ports of one flow: one mask.</summary>
    Exact,

    /// <summary>Flows under eight masks, each with a priority of its own.</summary>
    Mixed,

    /// <summary>Destination prefixes of one length.</summary>
    Prefix,

    /// <summary>Destination prefixes of many lengths, as in a routing table of the Internet; a longer one has a higher priority.</summary>
    Routes,
}
