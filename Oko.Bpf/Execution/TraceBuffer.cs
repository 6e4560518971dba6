using System.Globalization;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;
using Oko.Bpf.Maps;

namespace Oko.Bpf.Execution;

// Lines wait in a ring of fixed records between the threads that run programs and the one that reads. Each record has a number: equal to its
// position in the sequence of all lines, it is free for that line; one more, the line is complete. (D. Vyukov's bounded queue.)

// SAFETY: positions are masked into the ring, formats are cut to a record's size, and the ring lives as long as the process.

/// <summary>What programs say with <c>bpf_trace_printk</c>, for the log: one ring per process, for all programs. Any thread.</summary>
public static unsafe partial class TraceBuffer
{
    /// <summary>Longest format, with its NUL.</summary>
    public const int MaxFormatBytes = 128;

    /// <summary>Lines per second that are kept; more are counted as lost.</summary>
    public const int LinesPerSecond = 1000;

    private const int Capacity = 512;
    private const ulong NanosecondsPerSecond = 1_000_000_000;

    private static readonly Record* Ring = CreateRing();
    private static readonly Lock Reading = new();
    private static long _written;
    private static long _read;
    private static long _lost;
    private static ulong _secondStart;
    private static int _linesInSecond;

    /// <summary>Lines lost, since the ring was full or programs said more than <see cref="LinesPerSecond"/>.</summary>
    public static long Lost => Volatile.Read(ref _lost);

    /// <summary>The helper: takes a line. Allocates nothing, waits for nobody.</summary>
    /// <param name="format">As many readable bytes as <paramref name="size"/> says.</param>
    /// <param name="size">1 to <see cref="MaxFormatBytes"/>.</param>
    /// <param name="first">First argument.</param>
    /// <param name="second">Second argument.</param>
    /// <param name="third">Third argument.</param>
    /// <param name="now">The program's clock in nanoseconds.</param>
    /// <returns>The size, <see cref="MapErrno.Invalid"/>, or <see cref="MapErrno.Busy"/> when the line is lost.</returns>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    internal static long Write(byte* format, ulong size, ulong first, ulong second, ulong third, ulong now)
    {
        if (size is 0 or > MaxFormatBytes)
        {
            return MapErrno.Invalid;
        }

        ulong start = Volatile.Read(ref _secondStart);
        if (now - start >= NanosecondsPerSecond && Interlocked.CompareExchange(ref _secondStart, now, start) == start)
        {
            Volatile.Write(ref _linesInSecond, 0);
        }

        if (Volatile.Read(ref _linesInSecond) >= LinesPerSecond || !TryClaim(out long position))
        {
            Interlocked.Increment(ref _lost);
            return MapErrno.Busy;
        }

        Interlocked.Increment(ref _linesInSecond);
        Record* record = Ring + (position & (Capacity - 1));
        record->First = first;
        record->Second = second;
        record->Third = third;
        record->Size = (int)size;
        Unsafe.CopyBlockUnaligned(record->Format, format, (uint)size);
        Volatile.Write(ref record->Number, position + 1);
        return (long)size;
    }

    /// <summary>The helper in Oko's form, whose format ends with a NUL; see <see cref="Write"/>. What is longer than
    /// <see cref="MaxFormatBytes"/> is cut.</summary>
    [MethodImpl(MethodImplOptions.NoInlining | MethodImplOptions.AggressiveOptimization)]
    internal static long WriteString(byte* format, ulong first, ulong second, ulong third, ulong now)
    {
        ulong size = 1;
        while (size < MaxFormatBytes && format[size - 1] != 0)
        {
            size++;
        }

        return Write(format, size, first, second, third, now);
    }

    /// <summary>Takes the oldest line out.</summary>
    /// <param name="line">The text: arguments put in, without line end, what is not printable shown as a dot.</param>
    /// <returns>False: there is none.</returns>
    public static bool TryRead(out string line)
    {
        lock (Reading)
        {
            Record* record = Ring + (_read & (Capacity - 1));
            if (Volatile.Read(ref record->Number) != _read + 1)
            {
                line = string.Empty;
                return false;
            }

            var format = new ReadOnlySpan<byte>(record->Format, record->Size);
            int end = format.IndexOf((byte)0);
            line = Put(Encoding.ASCII.GetString(end < 0 ? format : format[..end]), [record->First, record->Second, record->Third]);
            Volatile.Write(ref record->Number, _read + Capacity);
            _read++;
            return true;
        }
    }

    private static bool TryClaim(out long position)
    {
        while (true)
        {
            position = Volatile.Read(ref _written);
            long number = Volatile.Read(ref Ring[position & (Capacity - 1)].Number);
            if (number < position)
            {
                return false;
            }

            if (number == position && Interlocked.CompareExchange(ref _written, position + 1, position) == position)
            {
                return true;
            }
        }
    }

    private static string Put(string format, ulong[] arguments)
    {
        int next = 0;
        string text = Conversion().Replace(format, match =>
        {
            if (match.Value == "%%")
            {
                return "%";
            }

            char kind = match.Groups["kind"].Value[0];
            if (next == arguments.Length || kind == 's')
            {
                // A program's strings may be anywhere: they are not followed.
                next += kind == 's' ? 1 : 0;
                return match.Value;
            }

            ulong value = arguments[next++];
            bool isLong = match.Groups["long"].Length > 0;
            string number = kind switch
            {
                'd' or 'i' => (isLong ? (long)value : (int)value).ToString(CultureInfo.InvariantCulture),
                'u' => (isLong ? value : (uint)value).ToString(CultureInfo.InvariantCulture),
                'x' => (isLong ? value : (uint)value).ToString("x", CultureInfo.InvariantCulture),
                'X' => (isLong ? value : (uint)value).ToString("X", CultureInfo.InvariantCulture),
                'c' => ((char)(byte)value).ToString(),
                _ => $"0x{value:x}",
            };
            string width = match.Groups["width"].Value;
            return width.Length == 0 ? number : number.PadLeft(int.Parse(width, CultureInfo.InvariantCulture), width[0] == '0' ? '0' : ' ');
        });
        return string.Concat(text.TrimEnd('\n', '\r').Select(letter => letter is >= ' ' and <= '~' ? letter : '.'));
    }

    [GeneratedRegex("%(%|(?<width>[0-9]{1,2})?(?<long>ll?)?(?<kind>[diuxXcps]))")]
    private static partial Regex Conversion();

    private static Record* CreateRing()
    {
        var ring = (Record*)NativeMemory.AllocZeroed(Capacity, (nuint)sizeof(Record));
        for (int position = 0; position < Capacity; position++)
        {
            ring[position].Number = position;
        }

        return ring;
    }

    private struct Record
    {
        public long Number;
        public ulong First;
        public ulong Second;
        public ulong Third;
        public int Size;
        public fixed byte Format[MaxFormatBytes];
    }
}
