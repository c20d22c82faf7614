# cmsjob in PowerShell: begins a job on a record, prints `JOB <id>`, ends it, prints `OK` or `ERR <reason>`.
# Exit code 0 when both were printed, 1 when the server did not answer.
param(
    [Parameter(Mandatory)] [string] $Url,
    [Parameter(Mandatory)] [string] $Site,
    [Parameter(Mandatory)] [string] $Record,
    [Parameter(Mandatory)] [ValidateSet('Content', 'Preview')] [string] $Type
)
$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
try {
    $id = Invoke-RestMethod -Method Post -Uri "$Url/cms/jobs" -Body @{ site = $Site; record = $Record; type = $Type }
    "JOB $id"
    Invoke-RestMethod -Method Post -Uri "$Url/cms/jobs/$id/end"
}
catch {
    [Console]::Error.WriteLine("publish: $($_.Exception.Message)")
    exit 1
}
