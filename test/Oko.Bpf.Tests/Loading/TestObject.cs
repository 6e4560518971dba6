namespace Oko.Bpf.Tests.Loading;

/// <summary>The objects of <c>test/TestData/bpf</c>.</summary>
internal static class TestObject
{
    /// <summary>The bytes of an object.</summary>
    internal static byte[] Read(string name)
    {
        var folder = new DirectoryInfo(TestContext.CurrentContext.TestDirectory);
        while (!Directory.Exists(Path.Combine(folder!.FullName, "test", "TestData")))
        {
            folder = folder.Parent;
        }

        return File.ReadAllBytes(Path.Combine(folder.FullName, "test", "TestData", "bpf", name + ".o"));
    }
}
