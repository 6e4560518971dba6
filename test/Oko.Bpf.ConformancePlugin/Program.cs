using System.Globalization;
using Oko.Bpf.Execution;
using Oko.Bpf.Isa;
using Oko.Bpf.Jit;
using Oko.Bpf.Loading;

namespace Oko.Bpf.ConformancePlugin;

/// <summary>The plug for the runner of github.com/Alan-Jowett/bpf_conformance: program in hex as an argument,
/// memory in hex on standard input, r0 in hex on standard output.</summary>
/// <remarks>The program is not verified: it can do anything this process can. For tests only.</remarks>
internal static unsafe class Program
{
    private const string Usage =
        "usage: Oko.Bpf.ConformancePlugin PROGRAM-HEX [--engine il|interpreter]   (memory in hex on standard input)";

    private static int Main(string[] arguments)
    {
        try
        {
            int engineAt = Array.IndexOf(arguments, "--engine");
            string engine = engineAt >= 0 ? arguments.ElementAtOrDefault(engineAt + 1) ?? "" : "il";
            string[] others = [.. arguments.Where((_, i) => engineAt < 0 || (i != engineAt && i != engineAt + 1))];
            if (others.Length != 1 || engine is not ("il" or "interpreter"))
            {
                Console.Error.WriteLine(Usage);
                return 2;
            }

            VerifiedProgram program = RawProgram.Wrap(InstructionDecoder.Decode(ParseHex(others[0])));
            byte[] memory = Console.IsInputRedirected ? ParseHex(Console.In.ReadToEnd()) : [];
            Console.WriteLine(Run(program, memory, engine).ToString("x", CultureInfo.InvariantCulture));
            return 0;
        }
        catch (Exception e) when (e is FormatException or InvalidOperationException)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }

    private static ulong Run(VerifiedProgram program, byte[] memory, string engine)
    {
        fixed (byte* bytes = memory)
        {
            FilterContext context = new() { Packet = bytes, PacketEnd = bytes + memory.Length, Length = (ulong)memory.Length };
            if (engine == "il")
            {
                return IlCompiler.Compile(program, []).Method(&context);
            }

            ExecutionOutcome outcome = new Interpreter(program, []).Run(&context);
            return outcome.Status == ExecutionStatus.Completed
                ? outcome.Result
                : throw new InvalidOperationException($"slot {outcome.Slot}: {outcome.Status}");
        }
    }

    private static byte[] ParseHex(string text) =>
        Convert.FromHexString(string.Concat(text.Where(character => !char.IsWhiteSpace(character))));
}
