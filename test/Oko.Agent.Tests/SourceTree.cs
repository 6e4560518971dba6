namespace Oko.Agent.Tests;

/// <summary>The checkout that the tests were built from.</summary>
internal static class SourceTree
{
    /// <summary>The folder of the solution.</summary>
    public static string Root { get; } = FindRoot();

    /// <summary>The path of an object of <c>test/TestData/bpf</c>.</summary>
    public static string BpfObject(string name) => Path.Combine(Root, "test", "TestData", "bpf", name);

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "OkoSwitch.sln")))
        {
            folder = folder.Parent ?? throw new InvalidOperationException("OkoSwitch.sln stands in no folder above the tests.");
        }

        return folder.FullName;
    }
}
