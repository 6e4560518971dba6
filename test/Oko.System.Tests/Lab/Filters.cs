namespace Oko.System.Tests.Lab;

/// <summary>Filters compiled by clang, as a user compiles them.</summary>
public static class Filters
{
    /// <summary>Compiles the sample of that name; the path of the object.</summary>
    public static string CompileSample(string name) =>
        Compile(Path.Combine(SwitchProcess.Repository, "samples", "filters", name, name + ".c"), name);

    /// <summary>Compiles C source given as text.</summary>
    public static string CompileText(string name, string source)
    {
        var file = Path.Combine(Folder, name + ".c");
        File.WriteAllText(file, source);
        return Compile(file, name);
    }

    private static string Folder => Directory.CreateDirectory(Path.Combine(TestContext.CurrentContext.WorkDirectory, "filters")).FullName;

    private static string Compile(string source, string name)
    {
        Command.Need("clang");
        var target = Path.Combine(Folder, name + ".o");
        var headers = Directory.GetDirectories("/usr/include", "*-linux-gnu").First();
        Command.Check(30, "clang", "-O2", "-g", "-target", "bpf", "-I" + headers, "-c", source, "-o", target);
        return target;
    }
}
