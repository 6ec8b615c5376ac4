/* SPDX-License-Identifier: MIT
 *
 * The one place where error sentences are assembled.
 */
#include "internal.h"

#include <stdarg.h>
#include <stdio.h>

mic_status mic_fail(mic_error *error, mic_status status, const char *stage, int64_t offset,
                    const char *format, ...)
{
    if (error) {
        va_list arguments;
        error->status = status;
        error->remedy = MIC_REMEDY_NONE;
        error->stage = stage;
        error->frame = -1;
        error->strip = -1;
        error->offset = offset;
        va_start(arguments, format);
        vsnprintf(error->message, sizeof error->message, format, arguments);
        va_end(arguments);
    }
    return status;
}

mic_status mic_advise(mic_status status, mic_error *error, mic_remedy remedy)
{
    if (error)
        error->remedy = remedy;
    return status;
}
