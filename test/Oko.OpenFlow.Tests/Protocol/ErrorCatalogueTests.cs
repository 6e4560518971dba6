using System.Globalization;
using Oko.OpenFlow.OkoExtension;
using Oko.OpenFlow.Protocol;

namespace Oko.OpenFlow.Tests.Protocol;

public sealed class ErrorCatalogueTests
{
    /// <summary>Prefixes of the enumerations of codes in the specification.</summary>
    private static readonly string[] Prefixes =
    [
        "OFPHFC", "OFPBRC", "OFPBAC", "OFPBIC", "OFPBMC", "OFPFMFC", "OFPGMFC", "OFPPMFC", "OFPTMFC", "OFPQOFC", "OFPSCFC", "OFPRRFC", "OFPMMFC",
        "OFPTFFC",
    ];

    [Test]
    public void All_NamesAndNumbers_AreThoseOfOsKen()
    {
        var expected = File.ReadLines(Path.Combine(TestFiles.Folder, "wire-values.txt"))
            .Select(line => line.Split(' '))
            .Where(parts => Prefixes.Contains(parts[0].Split('_')[0]))
            .Select(parts => (parts[0], ushort.Parse(parts[1], CultureInfo.InvariantCulture)));

        ErrorCatalogue.All.Select(error => (error.Name, error.Code)).Should().Equal(expected);
    }

    [Test]
    public void All_EveryTypeButExperimenter_HasItsCodesFromZeroOn()
    {
        var types = ErrorCatalogue.All.GroupBy(error => error.Type).ToArray();

        types.Select(group => group.Key).Should().Equal(Enum.GetValues<ErrorType>().Where(type => type != ErrorType.Experimenter));
        types.Should().OnlyContain(group => group.Select(error => (int)error.Code).SequenceEqual(Enumerable.Range(0, group.Count())));
    }

    [Test]
    public void Find_EveryError_FindsIt() => ErrorCatalogue.All.Should().OnlyContain(error => ErrorCatalogue.Find(error.Type, error.Code) == error);

    [Test]
    public void Describe_KnownUnknownAndExperimenter_SaysWhatIsKnown()
    {
        ErrorCatalogue.Describe(ErrorType.BadMatch, (ushort)BadMatchCode.DupField).Should().Be("OFPBMC_DUP_FIELD (a field is there twice)");
        ErrorCatalogue.Describe(ErrorType.BadMatch, 99).Should().Be("error type 4 code 99, unknown in OpenFlow 1.3");
        ErrorCatalogue.Describe((ErrorType)77, 1).Should().Be("error type 77 code 1, unknown in OpenFlow 1.3");
        ErrorCatalogue.Describe(ErrorType.Experimenter, 3, OkoExperimenter.Id).Should().Be("error 3 of experimenter 0x4f4b4f00");
    }
}
