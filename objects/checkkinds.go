package objects

import "coffer"

// What a check of buckets, objects and uploads can find.
var (
	foundBucket = coffer.FindingKind{Code: "bucket-record", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "The record of a bucket cannot be read, so nothing in the bucket can be.", Remedy: "Restore the metadata from a backup."}
	foundBucketList = coffer.FindingKind{Code: "bucket-list", Severity: coffer.WrongRecord, Mend: coffer.MendStopped,
		Means: "A bucket is missing from the list of its account.", Remedy: "Repair writes the list anew."}
	foundBucketListed = coffer.FindingKind{Code: "bucket-listed", Severity: coffer.LeftOver, Mend: coffer.MendStopped,
		Means: "An account lists a bucket that it does not have.", Remedy: "Repair takes it off the list."}
	foundBucketAccount = coffer.FindingKind{Code: "bucket-account", Severity: coffer.WrongRecord, Mend: coffer.MendNever,
		Means: "A bucket belongs to an account that does not exist.", Remedy: "Restore the metadata from a backup."}
	foundBucketID = coffer.FindingKind{Code: "bucket-id", Severity: coffer.WrongRecord, Mend: coffer.MendNever,
		Means: "Two buckets have one ID.", Remedy: "Restore the metadata from a backup."}
	foundBucketSequence = coffer.FindingKind{Code: "bucket-sequence", Severity: coffer.WrongRecord, Mend: coffer.MendAnytime,
		Means: "The note of the highest ID of a bucket is missing or behind, so that a new bucket would get the ID of another, with its objects.", Remedy: "Repair writes it anew. Do it before a bucket is made."}
	foundConfig = coffer.FindingKind{Code: "configuration-record", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "A configuration of a bucket is missing or cannot be read; requests that need it fail.", Remedy: "Put the configuration again, or delete it."}
	foundConfigBit = coffer.FindingKind{Code: "configuration-bit", Severity: coffer.WrongRecord, Mend: coffer.MendNever,
		Means: "A bucket has a configuration that its record does not tell of, so it does not count.", Remedy: "Put the configuration again."}
	foundConfigLeft = coffer.FindingKind{Code: "configuration-left", Severity: coffer.LeftOver, Mend: coffer.MendAnytime,
		Means: "A configuration belongs to a bucket that is gone.", Remedy: "Repair removes it."}
	foundProgress = coffer.FindingKind{Code: "progress-record", Severity: coffer.WrongRecord, Mend: coffer.MendAnytime,
		Means: "The note of how far a job is cannot be read, so the job does not run.", Remedy: "Repair removes it, and the job begins anew."}

	foundObject = coffer.FindingKind{Code: "object-record", Severity: coffer.LostData, Mend: coffer.MendRemove,
		Means: "The record of an object cannot be read; its bytes may still be there.", Remedy: "Restore the metadata from a backup, or put the object again after repair --remove-damaged."}
	foundNoBucket = coffer.FindingKind{Code: "object-bucket", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "An object is in a bucket that does not exist, so nobody can read it.", Remedy: "Restore the metadata from a backup."}
	foundPosition = coffer.FindingKind{Code: "version-place", Severity: coffer.WrongRecord, Mend: coffer.MendNever,
		Means: "A version does not stand where its ID says.", Remedy: "Restore the metadata from a backup."}
	foundNull = coffer.FindingKind{Code: "null-pointer", Severity: coffer.WrongRecord, Mend: coffer.MendStopped,
		Means: "The record of where the version called null stands is missing or says another place.", Remedy: "Repair writes it anew."}
	foundNullLeft = coffer.FindingKind{Code: "null-pointer-left", Severity: coffer.LeftOver, Mend: coffer.MendStopped,
		Means: "There is a record of where the version called null stands, and no such version.", Remedy: "Repair removes it."}
	foundOrder = coffer.FindingKind{Code: "version-order", Severity: coffer.WrongRecord, Mend: coffer.MendNever,
		Means: "The current version of a key is older than another.", Remedy: "Put the object again."}
	foundHidden = coffer.FindingKind{Code: "object-hidden", Severity: coffer.WrongRecord, Mend: coffer.MendStopped,
		Means: "The newest version of a key is an object and not current.", Remedy: "Repair makes it current."}
	foundInline = coffer.FindingKind{Code: "object-bytes-missing", Severity: coffer.LostData, Mend: coffer.MendRemove,
		Means: "The bytes of a small object are missing.", Remedy: "Put the object again, or restore a backup."}
	foundInlineDamaged = coffer.FindingKind{Code: "object-bytes-damaged", Severity: coffer.LostData, Mend: coffer.MendRemove,
		Means: "The bytes of a small object are not those that were put.", Remedy: "Put the object again, or restore a backup."}
	foundManifest = coffer.FindingKind{Code: "object-parts", Severity: coffer.LostData, Mend: coffer.MendRemove,
		Means: "The list of an object's parts is missing or damaged.", Remedy: "Put the object again, or restore a backup."}
	foundBlobMissing = coffer.FindingKind{Code: "blob-missing", Severity: coffer.LostData, Mend: coffer.MendRemove,
		Means: "A file with bytes of an object is missing.", Remedy: "Put the object again, or restore a backup."}
	foundBlobDamaged = coffer.FindingKind{Code: "blob-damaged", Severity: coffer.LostData, Mend: coffer.MendRemove,
		Means: "A file with bytes of an object is not what was written.", Remedy: "Check the disk; put the object again, or restore a backup."}
	foundBlobUnreadable = coffer.FindingKind{Code: "blob-unreadable", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "A file with bytes of an object cannot be read now.", Remedy: "Check the disk, and whether all disks are attached."}

	foundRefs = coffer.FindingKind{Code: "body-count", Severity: coffer.WrongRecord, Mend: coffer.MendStopped,
		Means: "How many objects share their bytes is counted wrongly, so that bytes can be removed too early or never.", Remedy: "Repair counts anew."}
	foundShared = coffer.FindingKind{Code: "body-shared", Severity: coffer.WrongRecord, Mend: coffer.MendNever,
		Means: "Objects share bytes that cannot be shared: the end of one is the end of the other.", Remedy: "Copy the objects to other keys, and put them again."}
	foundBodyLeft = coffer.FindingKind{Code: "body-left", Severity: coffer.LeftOver, Mend: coffer.MendAnytime,
		Means: "Bytes, or a list of parts, belong to no object.", Remedy: "Repair removes them."}
	foundOwner = coffer.FindingKind{Code: "blob-owner", Severity: coffer.WrongRecord, Mend: coffer.MendAnytime,
		Means: "A file with bytes of an object is not marked as in use, so that it would be removed as a leftover.", Remedy: "Repair marks it. Do it soon."}
	foundDoomed = coffer.FindingKind{Code: "blob-doomed", Severity: coffer.LostData, Mend: coffer.MendStopped,
		Means: "A file with bytes of an object is noted as garbage, and will be removed.", Remedy: "Stop the server and repair at once."}
	foundBlobShared = coffer.FindingKind{Code: "blob-shared", Severity: coffer.WrongRecord, Mend: coffer.MendNever,
		Means: "Two objects that are no copies name one file: the end of one is the end of the other.", Remedy: "Copy the objects to other keys, and put them again."}
	foundOwnerLeft = coffer.FindingKind{Code: "blob-owner-left", Severity: coffer.LeftOver, Mend: coffer.MendAnytime,
		Means: "A file is marked as in use, and nothing names it, so that reclaim does not remove it.", Remedy: "Repair removes the mark; reclaim removes the file."}
	foundOrphan = coffer.FindingKind{Code: "blob-left", Severity: coffer.LeftOver, Mend: coffer.MendAnytime,
		Means: "A file older than a day belongs to nothing.", Remedy: "Reclaim removes it, or repair."}
	foundGarbage = coffer.FindingKind{Code: "garbage-record", Severity: coffer.WrongRecord, Mend: coffer.MendAnytime,
		Means: "A note of garbage cannot be read, which keeps other garbage from being removed.", Remedy: "Repair removes the note."}

	foundUpload = coffer.FindingKind{Code: "upload-record", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "The record of an upload in progress cannot be read.", Remedy: "Abort the upload and begin it anew."}
	foundUploadLeft = coffer.FindingKind{Code: "upload-left", Severity: coffer.LeftOver, Mend: coffer.MendAnytime,
		Means: "An upload is to a bucket that is gone.", Remedy: "Repair removes it."}
	foundPart = coffer.FindingKind{Code: "part-record", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "The record of an uploaded part cannot be read.", Remedy: "Upload the part again."}
	foundPartLeft = coffer.FindingKind{Code: "part-left", Severity: coffer.LeftOver, Mend: coffer.MendAnytime,
		Means: "A part belongs to no upload.", Remedy: "Repair removes it."}
	foundFinished = coffer.FindingKind{Code: "finished-record", Severity: coffer.LeftOver, Mend: coffer.MendAnytime,
		Means: "The answer kept for a finished upload cannot be read.", Remedy: "Repair removes it."}

	foundCount = coffer.FindingKind{Code: "counter", Severity: coffer.WrongRecord, Mend: coffer.MendAnytime,
		Means: "A counter of a bucket, an account or a webhook is not what there is.", Remedy: "Repair corrects it."}
	foundCountLeft = coffer.FindingKind{Code: "counter-left", Severity: coffer.LeftOver, Mend: coffer.MendAnytime,
		Means: "A counter belongs to a bucket that is gone, or to none.", Remedy: "Repair removes it."}
	foundQuota = coffer.FindingKind{Code: "quota-record", Severity: coffer.WrongRecord, Mend: coffer.MendNever,
		Means: "A quota cannot be read, so writes that it would limit fail.", Remedy: "Set the quota again."}
	foundEvent = coffer.FindingKind{Code: "event-record", Severity: coffer.LostData, Mend: coffer.MendAnytime,
		Means: "An event for a webhook, or the note of a delivery, cannot be read, which keeps later ones from being sent.", Remedy: "Repair removes it."}
	foundTask = coffer.FindingKind{Code: "replication-record", Severity: coffer.LostData, Mend: coffer.MendAnytime,
		Means: "A copy that is to be made elsewhere cannot be read, which keeps later ones from being made.", Remedy: "Repair removes it; replicate the object again."}
	foundKeyLost = coffer.FindingKind{Code: "object-key-lost", Severity: coffer.LostData, Mend: coffer.MendRemove,
		Means: "The key of an encrypted object does not open, so that its bytes cannot be read.", Remedy: "Restore the metadata from a backup, or put the object again."}
	foundObjectKey = coffer.FindingKind{Code: "object-key", Severity: coffer.LostData, Mend: coffer.MendNever,
		Means: "The key under which the keys of encrypted objects are wrapped is missing: none of these objects can be read, and a server does not start.", Remedy: "Restore the metadata from a backup; or remove the objects with --remove-damaged, and a new key is made."}
)
