using System.Security.Cryptography;
using Oko.Agent.Controllers;
using Oko.Agent.Filters;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Tests.Controllers;

public class FilterUploadAssemblerTests
{
    private const int Limit = 1000;

    private static readonly byte[] Object = [.. Enumerable.Range(0, 900).Select(number => (byte)number)];

    private readonly FilterUploadAssembler _assembler = new();

    [TearDown]
    public void TearDown() => _assembler.Clear();

    [Test]
    public void Add_PartsInOrder_GiveTheWholeWithTheLast()
    {
        _assembler.Add(Part(1, 0, 500), Limit).Should().BeNull();
        _assembler.Add(Part(1, 500, 0), Limit).Should().BeNull();
        _assembler.Add(Part(1, 500, 400), Limit).Should().Equal(Object);
        _assembler.Count.Should().Be(0);
    }

    [Test]
    public void Add_PartsOfSeveralUploads_DoNotMix()
    {
        _assembler.Add(Part(1, 0, 500), Limit);
        _assembler.Add(Part(2, 0, 300), Limit);
        _assembler.Add(Part(1, 500, 400), Limit).Should().Equal(Object);
        _assembler.Add(Part(2, 300, 600), Limit).Should().Equal(Object);
    }

    [TestCase(400)]
    [TestCase(600)]
    [TestCase(0)]
    public void Add_PartThatDoesNotContinue_DropsTheUpload(int offset)
    {
        _assembler.Add(Part(1, 0, 500), Limit);
        Refuse(Part(1, offset, 100), OkoErrorType.UploadSequence);
        _assembler.Count.Should().Be(0);
        Refuse(Part(1, 500, 400), OkoErrorType.UploadSequence);
    }

    [Test]
    public void Add_PartThatChangesARepeatedField_DropsTheUpload()
    {
        Func<FilterUpload, FilterUpload>[] changes =
        [
            part => part with { Flags = FilterUploadFlags.Replace }, part => part with { TotalLength = 901 }, part => part with { Name = "other" },
            part => part with { Entry = "other" }, part => part with { Sha256 = SHA256.HashData(Object) },
        ];
        foreach (var change in changes)
        {
            _assembler.Add(Part(1, 0, 500), Limit);
            Refuse(change(Part(1, 500, 400)), OkoErrorType.UploadSequence);
            _assembler.Count.Should().Be(0);
        }
    }

    [Test]
    public void Add_MoreThanAnnounced_DropsTheUpload()
    {
        Refuse(Part(1, 0, 900) with { TotalLength = 899 }, OkoErrorType.UploadSequence);
        _assembler.Count.Should().Be(0);
    }

    [Test]
    public void Add_DigestThatFits_IsAcceptedAndAnotherIsNot()
    {
        _assembler.Add(Part(1, 0, 900) with { Sha256 = SHA256.HashData(Object) }, Limit).Should().Equal(Object);
        Refuse(Part(1, 0, 900) with { Sha256 = SHA256.HashData(Object[1..]) }, OkoErrorType.UploadDigest);
        _assembler.Count.Should().Be(0);
    }

    [Test]
    public void Add_ObjectOverTheLimit_IsRefusedAtItsFirstPart() =>
        Refuse(Part(1, 0, 10) with { TotalLength = Limit + 1 }, OkoErrorType.Quota);

    [Test]
    public void Add_FifthUnfinishedUpload_IsRefusedAndTheOthersGoOn()
    {
        for (uint id = 1; id <= 4; id++)
        {
            _assembler.Add(Part(id, 0, 500), Limit);
        }

        Refuse(Part(5, 0, 500), OkoErrorType.Quota);
        _assembler.Add(Part(4, 500, 400), Limit).Should().Equal(Object);
        _assembler.Add(Part(5, 0, 900), Limit).Should().Equal(Object);
    }

    [Test]
    public void Add_EmptyObject_IsWholeAtOnce() => _assembler.Add(Part(1, 0, 0) with { TotalLength = 0 }, Limit).Should().BeEmpty();

    private static FilterUpload Part(uint id, int offset, int size) => new()
    {
        FilterId = id, TotalLength = (uint)Object.Length, Offset = (uint)offset, Data = [.. Object.Skip(offset).Take(size)], Name = "name", Entry = "entry",
    };

    private void Refuse(FilterUpload part, OkoErrorType type)
    {
        var error = FluentActions.Invoking(() => _assembler.Add(part, Limit)).Should().Throw<OkoErrorException>().Which.Error;
        (error.Type, error.FilterId).Should().Be((type, part.FilterId));
    }
}
