using Oko.OpenFlow.Match;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Tests.Messages;

/// <summary>A match that is kept as its bytes says what it was made of.</summary>
public sealed class FlowMatchTests
{
    private static readonly OxmEntry[] Fields =
    [
        new(OxmCatalogue.EthType, 0x86DD), new(OxmCatalogue.Ipv6Src, UInt128.One << 100, UInt128.MaxValue << 100), new(OxmCatalogue.Filter, 7),
        new(OxmCatalogue.InPort, 3), new(OxmCatalogue.Metadata, 5, ulong.MaxValue),
    ];

    private readonly FlowMatch _match = new([.. Fields]);

    [Test]
    public void Entries_AreThoseItWasMadeOfInTheirOrder()
    {
        _match.Entries.Should().Equal(Fields, "masks of ones stay masks");
        var read = new List<OxmEntry>();
        foreach (var entry in _match)
        {
            read.Add(entry);
        }

        read.Should().Equal(Fields);
    }

    [Test]
    public void Find_GivesTheEntryOfAFieldWithAndWithoutMask()
    {
        foreach (var entry in Fields)
        {
            _match.Find(entry.Field).Should().Be(entry);
        }

        _match.Find(OxmCatalogue.Ipv6Dst).Should().BeNull();
        _match.FilterId.Should().Be(7);
        _match.WithoutFilter().Entries.Should().Equal(Fields.Where(entry => entry.Field != OxmCatalogue.Filter));
        FlowMatch.Any.Find(OxmCatalogue.EthType).Should().BeNull();
    }

    [Test]
    public void Equality_GoesByFieldsAndTheirOrder()
    {
        FlowMatch.OfFields(_match.Fields).Should().Be(_match);
        FlowMatch.OfFields(_match.Fields).GetHashCode().Should().Be(_match.GetHashCode());
        new FlowMatch([.. Fields.Reverse()]).Should().NotBe(_match);
        new FlowMatch([]).Should().Be(FlowMatch.Any);
    }

    [Test]
    public void Fields_AreThoseOfTheMessageWithoutHeaderAndPadding()
    {
        var writer = new WireWriter();
        MatchCodec.Write(writer, _match);
        (writer.Length % 8).Should().Be(0);
        writer.Written[4..][.._match.Fields.Length].ToArray().Should().Equal(_match.Fields.ToArray());
        var reader = new WireReader(writer.Written);
        MatchCodec.Read(ref reader).Should().Be(_match);
    }
}
