namespace Oko.OpenFlow.Tests;

/// <summary>Finds the data of tests in the tree.</summary>
internal static class TestFiles
{
    /// <summary>The folder test/TestData/openflow.</summary>
    public static string Folder { get; } = Find();

    private static string Find()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var candidate = Path.Combine(folder.FullName, "test", "TestData", "openflow");
            if (Directory.Exists(candidate))
            {
                return candidate;
            }
        }

        throw new DirectoryNotFoundException($"test/TestData/openflow is in no folder above {AppContext.BaseDirectory}");
    }
}
