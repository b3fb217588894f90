# Read a data package of Roost's in CSV and plot every series into one PDF, a page each. It needs no packages of R.
#
# Usage: Rscript plot_readings.R FOLDER PICTURE.pdf, with the unzipped package.

words <- commandArgs(trailingOnly = TRUE)
readings <- read.csv(file.path(words[1], "readings.csv"), na.strings = "")

# Times are in UTC: 2026-05-01 12:30:00.25+00
readings$at <- as.POSIXct(sub("\\+00$", "", readings$at), tz = "UTC", format = "%Y-%m-%d %H:%M:%OS")

# A row without a reason to doubt it has nothing in this column.
good <- readings[is.na(readings$suspicions), ]
cat(nrow(readings), "readings,", nrow(readings) - nrow(good), "of them doubtful and not drawn\n")
print(aggregate(value ~ station + series + unit, good, function(v) c(mean = mean(v), n = length(v))))

pdf(words[2], width = 8, height = 4)
for (name in sort(unique(good$series))) {
  rows <- good[good$series == name, ]
  plot(rows$at, rows$value, pch = 20, xlab = "UTC", ylab = paste0(name, " (", rows$unit[1], ")"),
       col = factor(rows$station))
}
invisible(dev.off())
