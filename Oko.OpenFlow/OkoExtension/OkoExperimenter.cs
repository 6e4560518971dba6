namespace Oko.OpenFlow.OkoExtension;

/// <summary>The numbers of the Oko extension, version 1; see README.md beside this file.</summary>
public static class OkoExperimenter
{
    /// <summary>Experimenter id, "OKO\0". It is not registered with anybody.</summary>
    public const uint Id = 0x4F4B4F00;

    /// <summary>Stands for all filters in multipart requests.</summary>
    public const uint AllFilters = 0xFFFFFFFF;

    /// <summary>Stands for "no instruction" in errors.</summary>
    public const uint NoSlot = 0xFFFFFFFF;
}

/// <summary>exp_type of our OFPT_EXPERIMENTER messages.</summary>
public enum OkoMessageType : uint
{
    /// <summary>FILTER_UPLOAD.</summary>
    FilterUpload = 1,

    /// <summary>FILTER_STATUS.</summary>
    FilterStatus = 2,

    /// <summary>FILTER_UNLOAD.</summary>
    FilterUnload = 3,

    /// <summary>MAP_UPDATE.</summary>
    MapUpdate = 4,

    /// <summary>MAP_DELETE.</summary>
    MapDelete = 5,

    /// <summary>FILTER_EVENT.</summary>
    FilterEvent = 6,
}

/// <summary>exp_type of our OFPMP_EXPERIMENTER multiparts.</summary>
public enum OkoMultipartType : uint
{
    /// <summary>FILTER_DESC.</summary>
    FilterDesc = 1,

    /// <summary>FILTER_STATS.</summary>
    FilterStats = 2,

    /// <summary>MAP_DUMP.</summary>
    MapDump = 3,
}

/// <summary>exp_type of our errors.</summary>
public enum OkoErrorType : ushort
{
    /// <summary>OBJECT_INVALID.</summary>
    ObjectInvalid = 1,

    /// <summary>PROGRAM_REFUSED.</summary>
    ProgramRefused = 2,

    /// <summary>FILTER_EXISTS.</summary>
    FilterExists = 3,

    /// <summary>FILTER_UNKNOWN.</summary>
    FilterUnknown = 4,

    /// <summary>FILTER_IN_USE.</summary>
    FilterInUse = 5,

    /// <summary>UPLOAD_SEQUENCE.</summary>
    UploadSequence = 6,

    /// <summary>UPLOAD_DIGEST.</summary>
    UploadDigest = 7,

    /// <summary>QUOTA.</summary>
    Quota = 8,

    /// <summary>MAP_UNKNOWN.</summary>
    MapUnknown = 9,

    /// <summary>MAP_SIZE.</summary>
    MapSize = 10,

    /// <summary>MAP_ENTRY.</summary>
    MapEntry = 11,

    /// <summary>MAP_OPERATION.</summary>
    MapOperation = 12,

    /// <summary>NOT_PERMITTED.</summary>
    NotPermitted = 13,
}

/// <summary>How the verifier refused.</summary>
public enum OkoVerdict : ushort
{
    /// <summary>Not the verifier's matter.</summary>
    None = 0,

    /// <summary>The program is unsafe.</summary>
    Unsafe = 1,

    /// <summary>The program may be safe; it cannot be proven.</summary>
    CannotProve = 2,

    /// <summary>The program uses what this version does not support.</summary>
    NotSupported = 3,
}

/// <summary>Flags of FILTER_UPLOAD.</summary>
[Flags]
public enum FilterUploadFlags : ushort
{
    /// <summary>No bit set.</summary>
    None = 0,

    /// <summary>REPLACE: an id in use gets the new program.</summary>
    Replace = 1,

    /// <summary>KEEP_MAPS: maps of equal definition keep their content.</summary>
    KeepMaps = 2,

    /// <summary>DRY_RUN: everything except installing.</summary>
    DryRun = 4,
}
