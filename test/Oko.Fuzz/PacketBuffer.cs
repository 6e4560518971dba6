using System.Runtime.InteropServices;
using Oko.Bpf.Execution;

namespace Oko.Fuzz;

/// <summary>A few packets, of other lengths each time: a missing check shows where a packet ends just behind, or inside, a header.</summary>
internal sealed unsafe class PacketBuffer : IDisposable
{
    private const int MostBytes = 2048;

    private static readonly byte[][] Templates =
    [
        Frame("080045000028000040004006000001020304050607080000001600000001000000005002ffff0000", 0),
        Frame("08004500002c000040004006000001020304050607081234005000000001000000006012ffff0000020405b4", 200),
        Frame("0800450000480000400040110000010203040506070800350035003400001234010000010000000000000377777707657861", 60),
        Frame("8100006408004500001c000040004001000001020304050607080800000000000000", 30),
        Frame("86dd60000000001406400102030405060708090a0b0c0d0e0f100102030405060708090a0b0c0d0e0f100016005000000001000000005002ffff0000", 1400),
        Frame("0806000108000604000100000000000101020304000000000000050607080000", 22),
    ];

    // SAFETY: one block per packet, MostBytes long, freed in Dispose.
    private readonly byte*[] _memory = new byte*[Count];
    private readonly int[] _lengths = new int[Count];

    public PacketBuffer()
    {
        for (var number = 0; number < Count; number++)
        {
            _memory[number] = (byte*)NativeMemory.Alloc(MostBytes);
        }
    }

    /// <summary>Packets at a time.</summary>
    public static int Count => 10;

    /// <summary>Makes new packets.</summary>
    /// <param name="random">Chooses.</param>
    /// <param name="numbers">Numbers of the program, at least one: packets of about these lengths decide its comparisons either way.</param>
    public void Fill(Random random, IReadOnlyList<int> numbers)
    {
        for (var number = 0; number < Count; number++)
        {
            var template = Templates[random.Next(Templates.Length)];
            var length = random.Next(4) switch
            {
                0 => template.Length,
                1 => random.Next(template.Length),
                _ => (int)Math.Clamp(numbers[random.Next(numbers.Count)] + (long)random.Next(-1, 2), 0, template.Length),
            };
            template.CopyTo(new Span<byte>(_memory[number], MostBytes));
            for (var changes = random.Next(6); changes > 0; changes--)
            {
                _memory[number][random.Next(template.Length)] = (byte)random.Next(256);
            }

            _lengths[number] = length;
        }
    }

    /// <summary>A packet as filters are given it.</summary>
    public FilterContext Context(int number) => new()
    {
        Packet = _memory[number], PacketEnd = _memory[number] + _lengths[number], Length = (ulong)_lengths[number],
        InPort = 1, TimeNanoseconds = 1_000_000_000UL * (ulong)(number + 1), Protocol = 8,
    };

    public void Dispose()
    {
        foreach (var packet in _memory)
        {
            NativeMemory.Free(packet);
        }
    }

    private static byte[] Frame(string afterAddresses, int payload) =>
        [.. Convert.FromHexString("020000000002020000000001"), .. Convert.FromHexString(afterAddresses), .. Enumerable.Range(0, payload).Select(at => (byte)at)];
}
