using System.Buffers.Binary;
using Oko.OpenFlow.Messages;
using Oko.OpenFlow.Wire;

namespace Oko.OpenFlow.Tests.Messages;

/// <summary>No bytes, however wrong, raise anything but the error to answer with, or cost memory beyond measure.</summary>
public sealed class MalformedMessageTests
{
    private const long MaxBytesAllocated = 256 * 1024;

    private static readonly ushort[] Lengths = [0, 1, 2, 3, 4, 5, 7, 8, 9, 12, 15, 16, 17, 24, 56, 64, 0x7FFF, 0x8000, 0xFFF8, 0xFFFF];

    private static readonly uint[] Counts = [0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0xFFFFFFF8];

    private static IEnumerable<HexFixture> Fixtures() => HexFixture.All();

    [TestCaseSource(nameof(Fixtures))]
    public void Decode_CutAtEveryByte_IsRefusedOrShorter(HexFixture fixture)
    {
        for (var length = 0; length < fixture.Bytes.Length; length++)
        {
            // Once as the stream would give it, once with a header that agrees with the length.
            Check(fixture.Bytes.AsSpan(0, length)).Should().BeFalse($"the header says more than {length} bytes");
            if (length >= 8)
            {
                var cut = fixture.Bytes[..length];
                BinaryPrimitives.WriteUInt16BigEndian(cut.AsSpan(2), (ushort)length);
                Check(cut);
            }
        }
    }

    [TestCaseSource(nameof(Fixtures))]
    public void Decode_EveryFieldCorrupted_IsRefusedOrAnotherMessage(HexFixture fixture)
    {
        for (var at = 8; at < fixture.Bytes.Length; at++)
        {
            for (var bit = 0; bit < 8; bit++)
            {
                var flipped = fixture.Bytes.ToArray();
                flipped[at] ^= (byte)(1 << bit);
                Check(flipped);
            }

            foreach (var length in at + 2 <= fixture.Bytes.Length ? Lengths : [])
            {
                var changed = fixture.Bytes.ToArray();
                BinaryPrimitives.WriteUInt16BigEndian(changed.AsSpan(at), length);
                Check(changed);
            }

            foreach (var count in at + 4 <= fixture.Bytes.Length ? Counts : [])
            {
                var changed = fixture.Bytes.ToArray();
                BinaryPrimitives.WriteUInt32BigEndian(changed.AsSpan(at), count);
                Check(changed);
            }
        }
    }

    [Test]
    public void Decode_RandomMutations_AreRefusedOrAnotherMessage()
    {
        var random = new Random(20261123);
        var fixtures = HexFixture.All().ToArray();
        for (var round = 0; round < 40_000; round++)
        {
            var source = fixtures[random.Next(fixtures.Length)].Bytes;
            var other = fixtures[random.Next(fixtures.Length)].Bytes;

            // Head of one, tail of another, a few bytes changed, length put right.
            byte[] mixed = [.. source.AsSpan(0, random.Next(8, source.Length + 1)), .. other.AsSpan(random.Next(other.Length))];
            for (var change = random.Next(6); change > 0; change--)
            {
                mixed[random.Next(mixed.Length)] = (byte)random.Next(256);
            }

            BinaryPrimitives.WriteUInt16BigEndian(mixed.AsSpan(2), (ushort)mixed.Length);
            Check(mixed);
        }
    }

    /// <summary>True when the bytes are a message; then writing it and reading it again gives the same bytes.</summary>
    private static bool Check(ReadOnlySpan<byte> bytes)
    {
        OpenFlowMessage message;
        var before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            message = MessageCodec.Decode(bytes);
        }
        catch (Exception problem) when (problem is OpenFlowErrorException or ChannelFormatException)
        {
            return false;
        }
        catch (Exception problem)
        {
            throw new AssertionException($"{problem.GetType().Name}: {problem.Message} for {Convert.ToHexString(bytes)}", problem);
        }

        (GC.GetAllocatedBytesForCurrentThread() - before).Should().BeLessThan(MaxBytesAllocated);
        var written = MessageCodec.Encode(message);
        if (!MessageCodec.Encode(MessageCodec.Decode(written)).AsSpan().SequenceEqual(written))
        {
            throw new AssertionException($"writing and reading differ for {Convert.ToHexString(bytes)}");
        }

        return true;
    }
}
