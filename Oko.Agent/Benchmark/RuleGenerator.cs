using Oko.Datapath.Benchmark;
using Oko.OpenFlow.Actions;
using Oko.OpenFlow.Instructions;
using Oko.OpenFlow.Match;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Protocol;

namespace Oko.Agent.Benchmark;

// What ClassBench makes are rules with port ranges. OpenFlow 1.3 knows a port only as one number or not at all (OXM_OF_TCP_DST and
// its like take no mask), so a controller must translate, and so do we: a narrow range becomes one entry for each of its ports, a
// wide one, as "1024 and above", is not named. Sizes count entries.

/// <summary>Makes rule sets with the statistics of known classes. The same arguments always give the same rules. Stateless.</summary>
/// <remarks>Rules with more bits named stand in front, with exceptions, as people write them; priorities fall along the list. Rules that share a
/// priority, since there are only 65536, are to be added in order: the switch prefers the older.</remarks>
public static class RuleGenerator
{
    /// <summary>Most rules.</summary>
    public const int MaxCount = 1_000_000;

    private const int FirstPriority = 65000, LastPriority = 1000, Jitter = 24, MaxRangePorts = 8;
    private const ushort Ipv4 = 0x0800, Tcp = 6, Udp = 17, FlatPriority = 1000;
    private const uint OutPort = 2;

    // Lengths of routes, and how many of a thousand have them.
    private static readonly (int Value, int Weight)[] RouteLengths =
        [(24, 600), (23, 100), (22, 120), (21, 45), (20, 45), (19, 30), (18, 20), (17, 10), (16, 15), (15, 6), (14, 5), (13, 3), (12, 1)];

    private static readonly ushort[] KnownPorts = [80, 443, 53, 22, 25, 123, 110, 143, 161, 389, 993, 995, 1433, 3306, 5060, 8080, 23, 21, 514, 69];

    /// <summary>Makes a rule set.</summary>
    /// <param name="kind">Its class.</param>
    /// <param name="count">Number of entries, 1 to <see cref="MaxCount"/>.</param>
    /// <param name="seed">Another seed, another set of the class.</param>
    /// <returns>Flow-mods of command ADD for table 0, all with the action output:2, cookies 0, 1, 2, ... in order of priority.</returns>
    public static IReadOnlyList<FlowMod> Generate(RuleClass kind, int count, ulong seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, MaxCount);
        return kind switch
        {
            RuleClass.Acl => Classify(RuleProfile.Acl, count, seed),
            RuleClass.Fw => Classify(RuleProfile.Fw, count, seed),
            RuleClass.Ipc => Classify(RuleProfile.Ipc, count, seed),
            RuleClass.Exact => [.. Enumerable.Range(0, count).Select(index => MakeFlow(index, mask: 0, FlatPriority, seed))],
            RuleClass.Mixed => [.. Enumerable.Range(0, count).Select(index => MakeFlow(index, index % 8, (ushort)(FlatPriority - (index % 8)), seed)).OrderByDescending(mod => mod.Priority)],
            RuleClass.Prefix => Prefixes(count),
            RuleClass.Routes => Routes(count, seed),
            _ => throw new ArgumentOutOfRangeException(nameof(kind)),
        };
    }

    private static FlowMod[] Classify(RuleProfile profile, int count, ulong seed)
    {
        var random = new RandomSequence(seed);
        var pool = new AddressPool(count, ref random);
        var seen = new HashSet<HeaderRule>();
        var rules = new List<(HeaderRule Rule, int Order)>(count);
        while (rules.Count < count)
        {
            var first = rules.Count;
            var rule = Draw(profile, pool, ref random, out var ports);
            for (var port = 0; port < ports && rules.Count < count; port++)
            {
                var each = rule.DestinationPort < 0 ? rule : rule with { DestinationPort = rule.DestinationPort + port };
                if (seen.Add(each))
                {
                    rules.Add((each, 0));
                }
            }

            var order = rule.NamedBits + random.Below(Jitter);
            for (var index = first; index < rules.Count; index++)
            {
                rules[index] = (rules[index].Rule, order);
            }
        }

        return [.. rules.OrderByDescending(rule => rule.Order).Select((rule, index) => Make(
            rule.Rule.ToMatch(), index, (ushort)(FirstPriority - ((long)index * (FirstPriority - LastPriority) / count))))];
    }

    private static HeaderRule Draw(RuleProfile profile, AddressPool pool, ref RandomSequence random, out int ports)
    {
        var sourceLength = Choose(profile.Source, ref random);
        var destinationLength = Choose(profile.Destination, ref random);
        var protocol = Choose(profile.Protocols, ref random);
        int sourcePort = -1, destinationPort = -1;
        ports = 1;
        if (protocol is Tcp or Udp)
        {
            sourcePort = DrawPort(profile.SourcePorts, ref random, out _);
            destinationPort = DrawPort(profile.DestinationPorts, ref random, out ports);
        }

        return new HeaderRule(
            pool.Take(sourceLength, ref random), sourceLength, pool.Take(destinationLength, ref random), destinationLength,
            protocol, sourcePort, destinationPort);
    }

    private static int DrawPort(PortWeights weights, ref RandomSequence random, out int ports)
    {
        ports = 1;
        var point = random.Below(weights.Any + weights.Exact + weights.Range);
        if (point < weights.Any)
        {
            return -1;
        }

        if (point >= weights.Any + weights.Exact)
        {
            // Half of the ranges are wide.
            if (random.Below(2) == 0)
            {
                return -1;
            }

            ports = 2 + random.Below(MaxRangePorts - 1);
            return 1024 + random.Below(65536 - 1024 - MaxRangePorts);
        }

        return random.Below(4) == 0 ? random.Below(65536) : KnownPorts[Math.Min(random.Below(KnownPorts.Length), random.Below(KnownPorts.Length))];
    }

    private static int Choose((int Value, int Weight)[] choices, ref RandomSequence random)
    {
        var point = random.Below(choices.Sum(choice => choice.Weight));
        foreach (var (value, weight) in choices)
        {
            if (point < weight)
            {
                return value;
            }

            point -= weight;
        }

        return choices[^1].Value;
    }

    /// <summary>A rule for one flow of its own, under one of eight masks; no flow is another's under any of them.</summary>
    private static FlowMod MakeFlow(int index, int mask, ushort priority, ulong seed)
    {
        var random = new RandomSequence(seed ^ ((ulong)index << 32));
        // The index stands in both addresses, in bits that every mask names.
        var source = 0x0A000000u | (uint)index << 4 & 0x00FFFFF0u | (uint)random.Below(16);
        var destination = 0xAC100000u ^ (uint)index << 4 ^ (uint)random.Below(16);
        var namesPorts = (Source: (mask & 1) == 0, Destination: (mask & 2) == 0);
        var length = (mask & 4) == 0 ? 32 : 28;
        var (sourcePort, destinationPort) = (random.Below(65536), random.Below(65536));
        var rule = new HeaderRule(
            source & AddressPool.Mask(length), length, destination & AddressPool.Mask(length), length, Udp,
            namesPorts.Source ? sourcePort : -1, namesPorts.Destination ? destinationPort : -1);
        return Make(rule.ToMatch(), index, priority);
    }

    private static FlowMod[] Prefixes(int count)
    {
        var bits = Math.Max(1, (int)Math.Ceiling(Math.Log2(count)));
        return [.. Enumerable.Range(0, count).Select(index => Make(
            new HeaderRule(0, 0, (uint)index << (32 - bits), bits, -1, -1, -1).ToMatch(), index, FlatPriority))];
    }

    private static FlowMod[] Routes(int count, ulong seed)
    {
        var random = new RandomSequence(seed);
        var routes = new HashSet<HeaderRule>();
        while (routes.Count < count)
        {
            var length = Choose(RouteLengths, ref random);
            routes.Add(new HeaderRule(0, 0, (uint)random.Next() & AddressPool.Mask(length), length, -1, -1, -1));
        }

        return [.. routes.OrderByDescending(route => route.DestinationLength).Select((route, index) => Make(route.ToMatch(), index, (ushort)route.DestinationLength))];
    }

    private static FlowMod Make(FlowMatch match, int cookie, ushort priority) => new()
    {
        Command = FlowModCommand.Add,
        Cookie = new Cookie((ulong)cookie),
        Priority = priority,
        Match = match,
        Instructions = [new ApplyActionsInstruction([new OutputAction(new PortNumber(OutPort))])],
    };

    /// <summary>A rule over IPv4 headers; -1 = not named.</summary>
    private readonly record struct HeaderRule(
        uint Source, int SourceLength, uint Destination, int DestinationLength, int Protocol, int SourcePort, int DestinationPort)
    {
        public int NamedBits => SourceLength + DestinationLength + (Protocol < 0 ? 0 : 8) + (SourcePort < 0 ? 0 : 16) + (DestinationPort < 0 ? 0 : 16);

        public FlowMatch ToMatch()
        {
            var fields = new List<OxmEntry> { new(OxmCatalogue.EthType, Ipv4) };
            if (Protocol >= 0)
            {
                fields.Add(new OxmEntry(OxmCatalogue.IpProto, (UInt128)Protocol));
            }

            AddPrefix(fields, OxmCatalogue.Ipv4Src, Source, SourceLength);
            AddPrefix(fields, OxmCatalogue.Ipv4Dst, Destination, DestinationLength);
            AddPort(fields, Protocol == Tcp ? OxmCatalogue.TcpSrc : OxmCatalogue.UdpSrc, SourcePort);
            AddPort(fields, Protocol == Tcp ? OxmCatalogue.TcpDst : OxmCatalogue.UdpDst, DestinationPort);
            return new FlowMatch([.. fields]);
        }

        private static void AddPrefix(List<OxmEntry> fields, OxmField field, uint prefix, int length)
        {
            if (length > 0)
            {
                fields.Add(new OxmEntry(field, prefix, length == 32 ? null : (UInt128)AddressPool.Mask(length)));
            }
        }

        private static void AddPort(List<OxmEntry> fields, OxmField field, int port)
        {
            if (port >= 0)
            {
                fields.Add(new OxmEntry(field, (UInt128)port));
            }
        }
    }
}
