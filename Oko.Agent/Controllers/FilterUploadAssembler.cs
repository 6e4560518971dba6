using System.Security.Cryptography;
using Oko.Agent.Filters;
using Oko.OpenFlow.OkoExtension;

namespace Oko.Agent.Controllers;

/// <summary>The parts of filter uploads of one connection, put together. Control thread only.</summary>
/// <remarks>Memory grows with what has arrived, not with what was announced. Source: Oko.OpenFlow/OkoExtension/README.md, 2 "FILTER_UPLOAD".</remarks>
public sealed class FilterUploadAssembler
{
    /// <summary>Uploads that may be unfinished at once.</summary>
    public const int MaxUnfinished = 4;

    private readonly Dictionary<uint, Unfinished> _unfinished = [];

    /// <summary>Number of unfinished uploads.</summary>
    public int Count => _unfinished.Count;

    /// <summary>Takes a part.</summary>
    /// <param name="part">The message.</param>
    /// <param name="maxObjectBytes">Largest object that is taken.</param>
    /// <returns>The whole object when this was its last part, else null.</returns>
    /// <exception cref="OkoErrorException">UPLOAD_SEQUENCE, UPLOAD_DIGEST or QUOTA; the upload is dropped.</exception>
    public byte[]? Add(FilterUpload part, int maxObjectBytes)
    {
        var upload = Find(part, maxObjectBytes);
        var end = (long)part.Offset + part.Data.Length;
        if (end > part.TotalLength)
        {
            throw Drop(part, OkoErrorType.UploadSequence, $"the part ends at byte {end}, the object has {part.TotalLength}");
        }

        upload.Bytes.Write(part.Data);
        if (end < part.TotalLength)
        {
            return null;
        }

        _unfinished.Remove(part.FilterId);
        var whole = upload.Bytes.ToArray();
        CheckDigest(part, whole);
        return whole;
    }

    /// <summary>Drops all unfinished uploads.</summary>
    public void Clear() => _unfinished.Clear();

    private Unfinished Find(FilterUpload part, int maxObjectBytes)
    {
        if (_unfinished.TryGetValue(part.FilterId, out var upload))
        {
            return part.Offset == upload.Bytes.Length && upload.IsContinuedBy(part)
                ? upload
                : throw Drop(part, OkoErrorType.UploadSequence, part.Offset == upload.Bytes.Length
                    ? "flags, total length, SHA-256, name and entry must be the same in every part"
                    : $"the part begins at byte {part.Offset}, expected was {upload.Bytes.Length}");
        }

        if (part.Offset != 0)
        {
            throw Drop(part, OkoErrorType.UploadSequence, $"the part begins at byte {part.Offset}, but no upload has begun; begin at 0");
        }

        if (part.TotalLength > (uint)maxObjectBytes)
        {
            throw Drop(part, OkoErrorType.Quota, $"the object has {part.TotalLength} bytes; the limit is {maxObjectBytes}");
        }

        if (_unfinished.Count == MaxUnfinished)
        {
            throw Drop(part, OkoErrorType.Quota, $"{MaxUnfinished} uploads of this connection are unfinished, which is the limit; finish one first");
        }

        upload = new Unfinished(part);
        _unfinished.Add(part.FilterId, upload);
        return upload;
    }

    private static void CheckDigest(FilterUpload part, byte[] whole)
    {
        if (part.Sha256.AsSpan().ContainsAnyExcept((byte)0) && !SHA256.HashData(whole).AsSpan().SequenceEqual(part.Sha256))
        {
            throw new OkoErrorException(OkoErrorType.UploadDigest, part.FilterId,
                $"filter {part.FilterId}: the object has SHA-256 {Convert.ToHexStringLower(SHA256.HashData(whole))}, announced was {Convert.ToHexStringLower(part.Sha256)}; send it again.");
        }
    }

    private OkoErrorException Drop(FilterUpload part, OkoErrorType type, string text)
    {
        _unfinished.Remove(part.FilterId);
        return new OkoErrorException(type, part.FilterId, $"filter {part.FilterId}: {text}. The upload was dropped.");
    }

    private sealed class Unfinished(FilterUpload first)
    {
        public MemoryStream Bytes { get; } = new();

        public bool IsContinuedBy(FilterUpload part) => part.Flags == first.Flags && part.TotalLength == first.TotalLength
            && part.Name == first.Name && part.Entry == first.Entry && part.Sha256.AsSpan().SequenceEqual(first.Sha256);
    }
}
