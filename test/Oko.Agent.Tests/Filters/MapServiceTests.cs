using Microsoft.Extensions.Logging.Abstractions;
using Oko.Agent.Filters;
using Oko.Agent.Tests.Rules;
using Oko.Bpf.Maps;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Tests.Filters;

public sealed class MapServiceTests
{
    private RuleBench _bench = null!;
    private FilterStore _store = null!;
    private MapService _maps = null!;

    [SetUp]
    public void SetUp()
    {
        _bench = new RuleBench();
        _store = new FilterStore(_bench.Rules, TextObject.Verify, new FilterQuotas(), NullLogger<FilterStore>.Instance);
        _maps = new MapService(_store);
        _bench.Rules.RunAsync(() => _store.InstallAsync(1, TextObject.Bytes("1 hash:hash:4 array:array:4"), null, null, 0)).Result.Wait();
    }

    [TearDown]
    public void TearDown()
    {
        _bench.Dispose();
        _store.Dispose();
    }

    [Test]
    public void Update_NewKeys_AreThere()
    {
        Update(0, 0, (1, 10), (2, 20));

        Dump(0).Should().BeEquivalentTo([(1u, 10ul), (2u, 20ul)]);
    }

    [Test]
    public void Update_SameKeyTwice_LastOneStays()
    {
        Update(0, 0, (1, 10), (1, 20));

        Dump(0).Should().Equal((1u, 20ul));
    }

    [Test]
    public void Update_OneEntryOverCapacity_ChangesNothing()
    {
        Update(0, 0, (1, 10));

        Refused(() => Update(0, 0, (1, 11), (2, 20), (3, 30), (4, 40), (5, 50))).Should().Match<OkoError>(error =>
            error.Type == OkoErrorType.MapEntry && error.Text.Contains("entry 4") && error.Text.Contains("full"));
        Dump(0).Should().Equal((1u, 10ul));
    }

    [Test]
    public void Update_OnlyNewWithPresentKey_ChangesNothing()
    {
        Update(0, 0, (1, 10));

        Refused(() => Update(0, MapUpdateFlags.NoExist, (2, 20), (1, 11))).Type.Should().Be(OkoErrorType.MapEntry);
        Refused(() => Update(0, MapUpdateFlags.NoExist, (3, 20), (3, 11))).Type.Should().Be(OkoErrorType.MapEntry);
        Dump(0).Should().Equal((1u, 10ul));
    }

    [Test]
    public void Update_OnlyExistingWithMissingKey_ChangesNothing()
    {
        Update(0, 0, (1, 10));

        Refused(() => Update(0, MapUpdateFlags.Exist, (1, 11), (2, 20))).Type.Should().Be(OkoErrorType.MapEntry);
        Dump(0).Should().Equal((1u, 10ul));
        Update(0, MapUpdateFlags.Exist, (1, 12));
        Dump(0).Should().Equal((1u, 12ul));
    }

    [Test]
    public void Update_ArrayIndexOutOfRange_NamesTheRange() =>
        Refused(() => Update(1, 0, (0, 1), (4, 1))).Should().Match<OkoError>(error => error.Type == OkoErrorType.MapEntry && error.Text.Contains("0 to 3"));

    [Test]
    public void Update_UnknownFlag_IsAnUnknownOperation() => Refused(() => Update(0, 4, (0, 1))).Type.Should().Be(OkoErrorType.MapOperation);

    [Test]
    public void Update_WrongSizes_NamesTheRightOnes()
    {
        Refused(() => Do(() => _maps.Update(1, 0, [([1], new byte[8])], 0))).Should().Match<OkoError>(error =>
            error.Type == OkoErrorType.MapSize && error.Text.Contains("4 bytes, not 1"));
        Refused(() => Do(() => _maps.Update(1, 0, [(new byte[4], [1])], 0))).Type.Should().Be(OkoErrorType.MapSize);
        Refused(() => Do(() => _maps.Delete(1, 0, [[1]]))).Type.Should().Be(OkoErrorType.MapSize);
    }

    [Test]
    public void Delete_MissingOrRepeatedKey_DeletesNothing()
    {
        Update(0, 0, (1, 10), (2, 20));

        Refused(() => Delete(0, 1, 3)).Should().Match<OkoError>(error => error.Type == OkoErrorType.MapEntry && error.Text.Contains("03000000"));
        Refused(() => Delete(0, 1, 1)).Type.Should().Be(OkoErrorType.MapEntry);
        Dump(0).Should().HaveCount(2);
        Delete(0, 1);
        Dump(0).Should().Equal((2u, 20ul));
    }

    [Test]
    public void Delete_WithoutKeys_EmptiesTheMap()
    {
        Update(0, 0, (1, 10), (2, 20));
        Delete(0);

        Dump(0).Should().BeEmpty();
    }

    [Test]
    public void Delete_ArrayElement_BecomesZero()
    {
        Update(1, 0, (2, 20));
        Delete(1, 2);

        Dump(1).Should().Equal((0u, 0ul), (1u, 0ul), (2u, 0ul), (3u, 0ul));
    }

    private static OkoError Refused(Action action) => action.Should().Throw<OkoErrorException>().Which.Error;

    private void Do(Action action) => _bench.Rules.RunAsync(action).GetAwaiter().GetResult();

    private void Update(int map, ulong flags, params (uint Key, ulong Value)[] entries) => Do(() =>
        _maps.Update(1, map, [.. entries.Select(entry => (BitConverter.GetBytes(entry.Key), BitConverter.GetBytes(entry.Value)))], flags));

    private void Delete(int map, params uint[] keys) => Do(() => _maps.Delete(1, map, [.. keys.Select(BitConverter.GetBytes)]));

    private List<(uint Key, ulong Value)> Dump(int map) => [.. _bench.Rules.RunAsync(() => _maps.Dump(1, map)).Result
        .Select(entry => (BitConverter.ToUInt32(entry.Key), BitConverter.ToUInt64(entry.Value))).Order()];
}
